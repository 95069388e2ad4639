# Vault's agent writes each secret into a file that the server reads (secrets.env), and has the workers replaced when one has changed (rotated.sh).
# What it reads is one secret of the KV engine, version 2:
#   vault kv put secret/heliograph jwt_secret=... jwt_previous_secrets= auth_pepper=... auth_previous_peppers= mongo_uri=... redis_password=...
# by a role whose policy is:  path "secret/data/heliograph" { capabilities = ["read"] }
# Another secret of the server: a file in templates/, a block here, a line in secrets.env.
vault {
  address = "https://vault.example.com:8200"
}

auto_auth {
  method "approle" {
    config = {
      role_id_file_path                   = "/etc/heliograph/vault/role_id"
      secret_id_file_path                 = "/etc/heliograph/vault/secret_id"
      remove_secret_id_file_after_reading = false
    }
  }
}

# How soon a change is seen. A secret that lacks one of its keys is an error that ends the agent, and what was written before stays.
template_config {
  static_secret_render_interval = "1m"
  exit_on_retry_failure         = true
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/jwt_secret.ctmpl"
  destination          = "/run/heliograph-secrets/jwt_secret"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/jwt_previous_secrets.ctmpl"
  destination          = "/run/heliograph-secrets/jwt_previous_secrets"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/auth_pepper.ctmpl"
  destination          = "/run/heliograph-secrets/auth_pepper"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/auth_previous_peppers.ctmpl"
  destination          = "/run/heliograph-secrets/auth_previous_peppers"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/mongo_uri.ctmpl"
  destination          = "/run/heliograph-secrets/mongo_uri"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}

template {
  source               = "/opt/heliograph/deploy/vault/templates/redis_password.ctmpl"
  destination          = "/run/heliograph-secrets/redis_password"
  perms                = "0640"
  error_on_missing_key = true
  exec {
    command = ["/opt/heliograph/deploy/vault/rotated.sh"]
    timeout = "10m"
  }
}
