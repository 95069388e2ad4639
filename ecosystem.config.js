const path = require('node:path')

const logFolder = process.env.LOG_DIR || path.join(__dirname, 'logs')

module.exports = {
  apps: [
    {
      name: 'chat-api',
      script: path.join(__dirname, 'backend/dist/index.js'),
      exec_mode: 'cluster',
      instances: process.env.WORKERS || 'max',
      node_args: '--enable-source-maps',
      // A worker counts as started when it says so, and is told to stop only after its successor has started.
      wait_ready: true,
      listen_timeout: 30_000,
      // Longer than a worker takes to let its requests and streams end.
      kill_timeout: 30_000,
      autorestart: true,
      max_restarts: 10,
      min_uptime: '10s',
      // Replaced as by a reload once it has more: nothing that it serves is cut off.
      max_memory_restart: process.env.MAX_MEMORY_RESTART || '1G',
      // What is not the log: the server's is in LOG_FILE, which PM2 would not see on the standard output of a cluster.
      out_file: path.join(logFolder, 'chat-api.out.log'),
      error_file: path.join(logFolder, 'chat-api.error.log'),
      merge_logs: true,
      log_date_format: 'YYYY-MM-DDTHH:mm:ss.SSSZZ',
      env: {
        NODE_ENV: process.env.NODE_ENV || 'development',
        LOG_FILE: process.env.LOG_FILE ?? path.join(logFolder, 'chat-api.log'),
      },
      // Each worker answers GET /metrics at this port plus its number.
      env_production: { NODE_ENV: 'production', METRICS_PORT: process.env.METRICS_PORT || '9464' },
    },
  ],
}
