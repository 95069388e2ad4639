# syntax=docker/dockerfile:1

# What says which packages there are: as long as nothing of it changes, the packages come from the builder's cache.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY .npmrc package.json package-lock.json ./
COPY backend/package.json backend/
COPY dev/package.json dev/
COPY dev/documentdb/package.json dev/documentdb/

# What the server runs on, and nothing of what builds and tests it.
FROM packages AS dependencies
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --workspace @heliograph/backend

FROM packages AS build
RUN --mount=type=cache,target=/root/.npm npm ci --ignore-scripts
COPY tsconfig.base.json ./
COPY backend/tsconfig.build.json backend/
COPY backend/src backend/src
RUN npm run build

FROM node:24-bookworm-slim
# The first process (tini) passes signals on, and buries the processes that pictures are made in. age encrypts backups.
RUN apt-get update \
  && apt-get install -y --no-install-recommends age tini \
  && rm -rf /var/lib/apt/lists/*

ENV NODE_ENV=production \
  NODE_OPTIONS=--enable-source-maps \
  HOST=0.0.0.0 \
  PORT=3000 \
  UPLOAD_DIR=/data/uploads

# A volume that is mounted here for the first time takes its owner from these folders.
RUN install -d -o 1000 -g 1000 /data/uploads
RUN install -d -o 1000 -g 1000 /backups

# All of it is root's, so that the server cannot change what it runs.
WORKDIR /app
COPY --from=dependencies /app ./
COPY --from=build /app/backend/dist backend/dist
COPY backend/pages backend/pages
COPY deploy/s3 deploy/s3
COPY deploy/docker/health.mjs deploy/docker/

ARG VERSION=0.1.0
ARG REVISION=unknown
ENV APP_VERSION=${VERSION}
LABEL org.opencontainers.image.title="Heliograph" \
  org.opencontainers.image.description="A messaging backend: REST in, Server-Sent Events out" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

# By number: Kubernetes knows then that it is not root.
USER 1000:1000
EXPOSE 3000
# The one folder that is written to beside the uploads: a read-only container needs it too.
VOLUME /tmp
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --start-interval=1s --retries=3 CMD ["node", "deploy/docker/health.mjs"]
ENTRYPOINT ["/usr/bin/tini", "--"]
CMD ["node", "backend/dist/index.js"]
