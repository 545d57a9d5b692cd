//! Cloudflare and Doppler as they answer (their documentation and generated clients; the shapes are in the reference that the
//! sources of the clients name).

use super::double::{Asked, Reply};
use serde_json::{Value, json};

pub const TOKEN: &str = "live-token-1234567890";
pub const ZONE_ID: &str = "023e105f4ecef8ad9ca31a8372d0c353";

/// One record as the list API sends it.
pub fn record(n: usize, kind: &str, name: &str, content: &str) -> Value {
    let mut record = json!({
        "id": format!("{n:032x}"), "name": name, "type": kind, "content": content, "ttl": 300, "proxiable": kind == "A",
        "proxied": false, "settings": {}, "meta": {}, "comment": null, "tags": [],
        "created_on": "2025-01-02T03:04:05.678901Z", "modified_on": "2025-01-02T03:04:05.678901Z",
    });
    if kind == "MX" {
        record["priority"] = json!(10);
    }
    record
}

pub fn cloudflare_error(status: u16, code: u64, message: &str, chain: Option<(u64, &str)>) -> Reply {
    let mut error = json!({ "code": code, "message": message });
    if let Some((code, message)) = chain {
        error["error_chain"] = json!([{ "code": code, "message": message }]);
    }
    Reply::json(status, json!({ "success": false, "errors": [error], "messages": [], "result": null }))
}

/// `GET /zones/{id}/dns_records`, paginated as asked.
pub fn cloudflare(records: &[Value], asked: &Asked) -> Reply {
    match asked.authorization.as_deref().map(|value| value.strip_prefix("Bearer ")) {
        Some(Some(TOKEN)) => {}
        Some(Some(token)) if token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') => {
            return cloudflare_error(403, 10000, "Authentication error", None);
        }
        _ => {
            return cloudflare_error(
                400,
                6003,
                "Invalid request headers",
                Some((6111, "Invalid format for Authorization header")),
            );
        }
    }
    if asked.path != format!("/zones/{ZONE_ID}/dns_records") || asked.method != "GET" {
        return cloudflare_error(404, 7003, "Could not route to the path, perhaps your object identifier is invalid?", None);
    }
    let number = |name, default| asked.parameter(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (page, per_page): (usize, usize) = (number("page", 1), number("per_page", 20).min(100));
    let result: Vec<&Value> = records.iter().skip((page - 1) * per_page).take(per_page).collect();
    let info = json!({
        "page": page, "per_page": per_page, "count": result.len(), "total_count": records.len(),
        "total_pages": records.len().div_ceil(per_page),
    });
    Reply::json(200, json!({ "success": true, "errors": [], "messages": [], "result": result, "result_info": info }))
}

/// What comes with a 429 of Cloudflare's.
pub fn too_many(seconds: u64) -> Reply {
    Reply { body: String::new(), ..Reply::page(429) }.header("retry-after", seconds.to_string())
}

pub const MANAGED: [&str; 3] = ["DOPPLER_CONFIG", "DOPPLER_ENVIRONMENT", "DOPPLER_PROJECT"];

pub fn doppler_error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({ "messages": [message], "success": false })).header("x-request-id", "1")
}

/// `GET /v3/configs/config/secrets/names`, `.../secrets` and `.../secrets/download`; a secret without a value is restricted.
pub fn doppler(secrets: &[(String, Option<String>)], asked: &Asked) -> Reply {
    if asked.authorization.as_deref() != Some(&format!("Bearer {TOKEN}")) {
        return doppler_error(401, "Invalid Service token");
    }
    assert_ne!(asked.parameter("include_dynamic_secrets"), Some("true"), "that would issue leases");
    let managed = asked.parameter("include_managed_secrets") != Some("false");
    let managed = MANAGED.iter().filter(|_| managed).map(|name| ((*name).to_owned(), Some("app".to_owned())));
    let all: Vec<_> = secrets.iter().cloned().chain(managed).collect();
    let body = match asked.path.as_str() {
        "/v3/configs/config/secrets/names" => json!({ "names": all.iter().map(|(name, _)| name).collect::<Vec<_>>() }),
        "/v3/configs/config/secrets/download" => all.iter().map(|(name, value)| (name.clone(), json!(value))).collect(),
        "/v3/configs/config/secrets" => {
            let one = |value: &Option<String>| {
                let visibility = if value.is_some() { "masked" } else { "restricted" };
                json!({
                    "raw": value, "computed": value, "note": "", "rawVisibility": visibility, "computedVisibility": visibility,
                    "rawValueType": { "type": "string" }, "computedValueType": { "type": "string" },
                })
            };
            json!({ "success": true, "secrets": all.iter().map(|(name, value)| (name.clone(), one(value))).collect::<Value>() })
        }
        _ => return doppler_error(404, "Could not find requested resource"),
    };
    let etag = format!("\"w{}\"", secrets.len());
    if asked.if_none_match.as_deref() == Some(&etag) {
        return Reply { body: String::new(), ..Reply::json(304, "") }.header("etag", etag);
    }
    Reply::json(200, body).header("etag", etag)
}
