interface Place {
  readonly folder: string
  readonly clusterId: string
  readonly monitorPort: number
  readonly gatewayPort: number
  /** Lines for the gateway, over those below. */
  readonly gateway?: readonly string[]
}

/**
 * A cluster of one monitor, one storage daemon that keeps everything in memory, and one gateway: on 127.0.0.1 alone, without secrets between them.
 * The addresses are said twice because a storage daemon that is not told listens everywhere.
 */
export const cephSettings = ({ folder, clusterId, monitorPort, gatewayPort, gateway = [] }: Place): string => `[global]
fsid = ${clusterId}
mon_host = v2:127.0.0.1:${monitorPort}
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
ms_initial_backoff = 0.01
crash_dir = ${folder}
admin_socket =
log_file = ${folder}/$name.log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pg_autoscale_mode = off

[mon]
mon_data = ${folder}/mon
mon_data_avail_crit = 0
mon_allow_pool_size_one = true
mon_cluster_log_file = /dev/null
paxos_propose_interval = 0.01
paxos_min_wait = 0.01

[osd]
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4G
osd_crush_update_on_start = false

[client]
rgw_frontends = beast endpoint=127.0.0.1:${gatewayPort}
rgw_rados_pool_pg_num_min = 1
rgw_thread_pool_size = 32
${gateway.join('\n')}
`
