//! The portfolio's exports beside their live APIs: what is missing, extra and changed is named, and judged by number.

use crate::stage::{Stage, assay, run, text};
use crate::support::apis::{TOKEN, ZONE_ID, cloudflare, doppler, doppler_error, record};
use crate::support::double::{Double, Reply};
use crate::support::exports::{dns_export, encrypt};
use crate::support::faulty_s3::{ACCESS_KEY, BUCKET, Fault, FaultyS3, SECRET_KEY};
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct-horse-battery-staple";

/// The pack's own file, beside a double of its API.
fn pack(name: &str, api: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/portfolio").join(name);
    let text = std::fs::read_to_string(path).expect(name);
    let zone = format!("zone_id: {ZONE_ID}\n    api: {api}");
    let token = format!("token: {{ env: DOPPLER_TOKEN }}\n    api: {api}");
    text.replace("zone_id: \"00000000000000000000000000000000\"", &zone).replace("token: { env: DOPPLER_TOKEN }", &token)
}

/// A stage whose store is the bucket.
fn stage(s3: &FaultyS3, name: &str, api: &str) -> Stage {
    let stage = Stage::empty("");
    stage.write("id", ACCESS_KEY);
    stage.write("key", SECRET_KEY);
    let store = format!(
        "stores:\n  b2:\n    s3: {{ endpoint: \"{}\", bucket: {BUCKET}, region: us-east-1, path_style: true }}\n    \
         credentials: {{ access_key_id: {{ file: id }}, secret_access_key: {{ file: key }} }}\nscratch: {{ dir: scratch }}\n",
        s3.endpoint()
    );
    stage.write("assay.yaml", store);
    stage.write(&format!("scenarios/{name}"), pack(name, api));
    stage
}

/// A whole series, as `cadence` and `retention` want it: one a week, the newest of an hour ago.
fn put_series(s3: &FaultyS3, key: &str, ending: &str, bytes: &[u8]) {
    let newest = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    for week in 0..12 {
        let taken = newest - jiff::SignedDuration::from_hours(week * 7 * 24);
        let key = format!("{key}-{}{ending}", taken.strftime("%Y%m%d-%H%M%S"));
        std::fs::create_dir_all(s3.file(&key).parent().expect("folder")).expect("folder");
        s3.put(&key, bytes);
        let file = std::fs::File::options().write(true).open(s3.file(&key)).expect("object");
        file.set_modified(taken.into()).expect("mtime");
    }
}

fn prove(stage: &Stage) -> (i32, String, Value) {
    let mut command = assay(stage.path());
    command.arg("run").env("CLOUDFLARE_API_TOKEN", TOKEN).env("DOPPLER_TOKEN", TOKEN);
    let output = run(command.env("DOPPLER_BACKUP_PASSPHRASE", PASSPHRASE));
    assert!(stage.leavings().is_empty());
    let said = text(&output);
    assert!(!said.contains(TOKEN));
    (output.status.code().expect("exit"), said, stage.evidence()["scenarios"][0].clone())
}

fn drift(record: &Value, of: &str) -> Value {
    let checks = record["checks"].as_array().expect("checks");
    checks.iter().find(|o| o["check"] == format!("drift live {of}")).unwrap_or_else(|| panic!("{checks:?}")).clone()
}

/// Everything but the drift is green.
fn rest_is_green(record: &Value) {
    for check in record["checks"].as_array().expect("checks") {
        let name = check["check"].as_str().expect("name");
        assert!(name.starts_with("drift") || check["status"] == "pass", "{check}");
    }
}

/// What is backed up: 120 records, more than one page.
fn zone() -> Vec<Value> {
    let mut zone: Vec<Value> =
        (0..118).map(|n| record(n, "A", &format!("host{n}.example.com"), &format!("192.0.2.{n}"))).collect();
    zone.push(record(118, "MX", "example.com", "mx1.example.net"));
    zone.push(record(119, "TXT", "example.com", "token=hunter2"));
    zone
}

/// The zone went on since: so many records differ, at least three of them in three ways, one of these a text.
fn went_on(differences: usize) -> Vec<Value> {
    let mut live = zone();
    live[119] = record(119, "TXT", "example.com", "token=hunter3");
    live[118]["priority"] = json!(20);
    for (n, record) in live.iter_mut().enumerate().take(differences).skip(3) {
        record["content"] = json!(format!("198.51.100.{n}"));
    }
    live.push(record(200, "A", "added.example.com", "192.0.2.200"));
    live
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_is_compared_record_by_record_and_warns_at_six() {
    let s3 = FaultyS3::start(|_| Fault::Pass).await;
    put_series(&s3, "dns-backups/dns-zone", ".tar.gz", &dns_export(&zone()));
    for (differences, exit, verdict) in [(5, 0, "pass"), (6, 0, "warn")] {
        let live = went_on(differences);
        let double = Double::start(move |asked, _| cloudflare(&live, asked)).await;
        let (code, said, record) = prove(&stage(&s3, "dns-zone.yaml", &double.url));
        assert_eq!((code, &record["verdict"]), (exit, &json!(verdict)), "{said}");
        rest_is_green(&record);
        let drift = drift(&record, "members");
        let changed = differences - 1;
        assert_eq!(
            drift["measured"].as_str().expect("measured").split(" (").next(),
            Some(&*format!("1 missing, 0 extra, {changed} changed"))
        );
        let lines: Vec<&str> = drift["evidence"].as_array().expect("evidence").iter().filter_map(Value::as_str).collect();
        assert!(lines.contains(&"missing: A added.example.com 192.0.2.200"), "{lines:?}");
        assert!(
            lines.contains(&"changed: A host3.example.com, 198.51.100.3 in the live system, 192.0.2.3 came back"),
            "{lines:?}"
        );
        assert!(
            lines.contains(&"changed: MX example.com, 20 mx1.example.net. in the live system, 10 mx1.example.net. came back"),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.starts_with("changed: TXT example.com, (text ")), "{lines:?}");
        assert!(!record.to_string().contains("hunter"));
        assert_eq!((&record["depth"], double.asked().len()), (&json!("compared"), 2));
        assert!(double.asked().iter().all(|asked| asked.method == "GET"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_the_live_zone_lost_is_extra() {
    let s3 = FaultyS3::start(|_| Fault::Pass).await;
    put_series(&s3, "dns-backups/dns-zone", ".tar.gz", &dns_export(&zone()));
    let double = Double::start(|asked, _| cloudflare(&zone()[6..], asked)).await;
    let (_, said, record) = prove(&stage(&s3, "dns-zone.yaml", &double.url));
    assert_eq!(record["verdict"], "warn", "{said}");
    let message = drift(&record, "members")["message"].as_str().expect("message").to_owned();
    assert!(message.contains("6 are extra (A host0.example.com 192.0.2.0"), "{message}");
}

fn export() -> Vec<u8> {
    let keys = ["A", "B", "C", "D", "E", "F"].map(|key| (key.to_owned(), json!(format!("value-of-{key}"))));
    Value::Object(keys.into_iter().collect()).to_string().into_bytes()
}

fn keys(names: &[&str]) -> Vec<(String, Option<String>)> {
    names.iter().map(|name| ((*name).to_owned(), Some(format!("value-of-{name}")))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_compared_by_their_names_and_warn_at_four() {
    let s3 = FaultyS3::start(|_| Fault::Pass).await;
    let dir = tempfile::tempdir().expect("tempdir");
    put_series(&s3, "doppler-backups/doppler-secrets", ".enc", &encrypt(&export(), PASSPHRASE, dir.path()));
    for (live, verdict, message) in [
        (vec!["A", "B", "C", "D", "E", "F"], "pass", "the same 6 keys as in the live system"),
        (vec!["C", "D", "E", "F", "NEW"], "pass", "of the keys, 1 is missing (NEW), 2 are extra (A, B), beside the live system"),
        (
            vec!["C", "D", "E", "F", "NEW", "NEWER"],
            "warn",
            "of the keys, 2 are missing (NEW, NEWER), 2 are extra (A, B), beside the live system",
        ),
    ] {
        let live = keys(&live);
        let double = Double::start(move |asked, _| doppler(&live, asked)).await;
        let (code, said, record) = prove(&stage(&s3, "doppler-secrets.yaml", &double.url));
        assert_eq!((code, &record["verdict"]), (0, &json!(verdict)), "{said}");
        rest_is_green(&record);
        assert_eq!(drift(&record, "keys")["message"], message);
        assert!(double.asked().iter().all(|asked| asked.path.ends_with("/names")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_compared_when_asked_for_and_never_shown() {
    let s3 = FaultyS3::start(|_| Fault::Pass).await;
    let dir = tempfile::tempdir().expect("tempdir");
    put_series(&s3, "doppler-backups/doppler-secrets", ".enc", &encrypt(&export(), PASSPHRASE, dir.path()));
    let mut live = keys(&["A", "B", "C", "D", "E", "F"]);
    for (_, value) in &mut live[..4] {
        *value = Some("value-of-today".to_owned());
    }
    let double = Double::start(move |asked, _| doppler(&live, asked)).await;
    let stage = stage(&s3, "doppler-secrets.yaml", &double.url);
    let text = pack("doppler-secrets.yaml", &double.url).replace("  doppler:\n", "  doppler:\n    values: true\n");
    stage.write("scenarios/doppler-secrets.yaml", text);
    let (_, said, record) = prove(&stage);
    assert_eq!(record["verdict"], "warn", "{said}");
    let drift = drift(&record, "keys");
    assert_eq!(drift["message"], "of the keys, 4 are changed (A, B, C, ...), beside the live system");
    assert!(drift["evidence"].to_string().contains("changed: D"), "{drift}");
    assert!(!record.to_string().contains("value-of") && !said.contains("value-of"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_fails_makes_the_drift_an_error_and_no_other_check() {
    let s3 = FaultyS3::start(|_| Fault::Pass).await;
    let dir = tempfile::tempdir().expect("tempdir");
    put_series(&s3, "doppler-backups/doppler-secrets", ".enc", &encrypt(&export(), PASSPHRASE, dir.path()));
    put_series(&s3, "dns-backups/dns-zone", ".tar.gz", &dns_export(&zone()));
    let refused = Double::start(|_, _| doppler_error(401, "Invalid Service token")).await;
    let page = Double::start(|_, _| Reply::page(403)).await;
    for (name, double, of, words) in [
        ("doppler-secrets.yaml", &refused, "keys", "Invalid Service token"),
        ("dns-zone.yaml", &page, "members", "403 Forbidden"),
    ] {
        let (code, said, record) = prove(&stage(&s3, name, &double.url));
        assert_eq!((code, &record["verdict"]), (3, &json!("error")), "{said}");
        rest_is_green(&record);
        let drift = drift(&record, of);
        assert_eq!(drift["status"], "error");
        assert!(drift["message"].as_str().expect("message").contains(words), "{drift}");
    }
}
