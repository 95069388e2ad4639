#!/bin/sh
# Brings a version to a cluster: what it is told, then its migration to the end, then its pods, one after the other.
#   deploy/k8s/deploy.sh staging
# Where the migration fails, the pods of before go on serving, and nothing else is changed. It is safe to run again.
set -eu

overlay=${1:?'usage: deploy.sh staging|production'}
folder=$(dirname "$0")/overlays/$overlay
[ -f "$folder/kustomization.yaml" ] || { echo "$folder: no such overlay" >&2; exit 1; }
namespace=$(sed -n 's/^namespace: *//p' "$folder/kustomization.yaml")

rendered=$(mktemp -d)
trap 'rm -rf "$rendered"' EXIT
kubectl kustomize "$folder" >"$rendered/all.yaml"

# Everything but the pods: the migration needs its settings, its secrets and the database.
kubectl apply -f "$rendered/all.yaml" --selector '!app.kubernetes.io/name'
kubectl -n "$namespace" wait --for=condition=Ready --timeout=300s externalsecret/heliograph

kubectl -n "$namespace" delete job heliograph-migrate --ignore-not-found --wait
kubectl apply -f "$rendered/all.yaml" --selector app.kubernetes.io/name=heliograph-migrate
if ! kubectl -n "$namespace" wait --for=condition=Complete --timeout=1800s job/heliograph-migrate; then
  kubectl -n "$namespace" logs job/heliograph-migrate --tail=50 >&2 || true
  echo 'the migration did not end well: nothing else was changed' >&2
  exit 1
fi

kubectl apply -f "$rendered/all.yaml" --selector 'app.kubernetes.io/name in (heliograph, heliograph-backup)'
kubectl -n "$namespace" rollout status deployment/heliograph --timeout=900s
