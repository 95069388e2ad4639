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
      max_memory_restart: '1G',
      out_file: path.join(logFolder, 'chat-api.out.log'),
      error_file: path.join(logFolder, 'chat-api.error.log'),
      merge_logs: true,
      time: true,
      env: { NODE_ENV: process.env.NODE_ENV || 'development' },
      env_production: { NODE_ENV: 'production' },
    },
  ],
}
