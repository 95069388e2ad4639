/** The apps that open a QR code's page in place of the browser; each where it is set. */
export interface AppLinks {
  /** Team ID and bundle ID: `ABCDE12345.com.example.chat`. */
  readonly appleAppIds: readonly string[]
  readonly android: { readonly packageName: string; readonly certificateFingerprints: readonly string[] } | undefined
}

/** `/.well-known/apple-app-site-association` (Apple, "Supporting associated domains"). @param path of the page */
export const appleAppSiteAssociation = ({ appleAppIds }: AppLinks, path: string): object | undefined =>
  appleAppIds.length === 0 ? undefined : { applinks: { details: [{ appIDs: appleAppIds, components: [{ '/': path }] }] } }

/** `/.well-known/assetlinks.json` (Android, "Verify Android App Links"). */
export const assetLinks = ({ android }: AppLinks): object | undefined =>
  android && [
    {
      relation: ['delegate_permission/common.handle_all_urls'],
      target: { namespace: 'android_app', package_name: android.packageName, sha256_cert_fingerprints: android.certificateFingerprints },
    },
  ]
