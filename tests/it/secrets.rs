//! `secrets`: whole and broken exports, from the store to the verdict, the live API, and that no value shows anywhere.

use crate::stage::{Stage, assay, run as call, text};
use crate::support::apis::{TOKEN, doppler, doppler_error};
use crate::support::double::{Double, Fault, Reply};
use crate::support::exports::encrypt;
use assay::census::Census;
use assay::open::arrive::{Arriving, Order, arrive};
use assay::run::progress::Progress;
use assay::secret::{SecretRef, Secrets};
use assay::subject::secrets::live::{LiveSecrets, census};
use assay::subject::secrets::{SecretExport, SecretsSpec};
use assay::subject::{Body, Payload, Subject};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;

const PASSPHRASE: &str = "correct-horse-battery-staple";
/// What must never show. One has characters that encodings change.
const VALUES: [&str; 3] = ["hunter2-of-the-database", "p\u{e4}ss w\u{f6}rd/with+\"quotes\"\n&more=1", "sk_live_0123456789abcdef"];

fn export() -> Vec<u8> {
    let keys = json!({
        "DATABASE_URL": VALUES[0], "SESSION_KEY": VALUES[1], "STRIPE_KEY": VALUES[2],
        "DOPPLER_PROJECT": "app", "DOPPLER_ENVIRONMENT": "prd", "DOPPLER_CONFIG": "prd",
    });
    keys.to_string().into_bytes()
}

fn stage(stored: &[u8], more: &str) -> Stage {
    let stage = Stage::empty("");
    let open = "open:\n  - openssl_enc: { passphrase: [{ env: KEY_A }, { file: ../key-b }], iterations: 100000 }\n";
    stage.scenario("app", &format!("{open}{more}"));
    stage.write("key-b", PASSPHRASE);
    stage.artifact("app", stored);
    stage
}

fn run_on(stage: &Stage, key: &str, args: &[&str]) -> (i32, String, Value) {
    let output = call(assay(stage.path()).args(args).env("KEY_A", key));
    assert!(stage.leavings().is_empty());
    (output.status.code().expect("exit"), text(&output), stage.evidence()["scenarios"][0].clone())
}

fn run(plain: &[u8]) -> (i32, String, Value) {
    let dir = tempfile::tempdir().expect("tempdir");
    run_on(&stage(&encrypt(plain, PASSPHRASE, dir.path()), "secrets: { keys: [DATABASE_URL] }\n"), PASSPHRASE, &["run"])
}

#[test]
fn a_whole_export_passes_with_both_copies_of_its_passphrase() {
    let (exit, said, record) = run(&export());
    assert_eq!(exit, 0, "{said}");
    let names: Vec<&str> =
        record["censuses"][0]["groups"].as_array().expect("groups").iter().filter_map(|g| g["name"].as_str()).collect();
    assert_eq!(names, ["DATABASE_URL", "SESSION_KEY", "STRIPE_KEY"]);
    let told = |check: &str| {
        let outcomes = record["checks"].as_array().expect("checks").clone();
        outcomes.into_iter().find(|o| o["check"] == check).unwrap_or_else(|| panic!("no {check}"))
    };
    assert_eq!(told("passphrase in the environment variable KEY_A")["message"], "opens the backup");
    assert_eq!(
        told("secrets uploadable")["message"],
        "3 keys in a flat object of texts, such as DATABASE_URL, SESSION_KEY, STRIPE_KEY"
    );
}

#[test]
fn a_copy_of_the_passphrase_that_does_not_open_it_is_told() {
    let dir = tempfile::tempdir().expect("tempdir");
    let stage = stage(&encrypt(&export(), PASSPHRASE, dir.path()), "secrets: {}\n");
    let (exit, said, record) = run_on(&stage, "an-old-passphrase", &["run"]);
    assert_eq!((exit, &record["verdict"]), (0, &json!("warn")), "{said}");
    assert!(said.contains("does not open the backup"), "{said}");
    // No copy: nothing is known of the backup.
    stage.write("key-b", "another-old-one");
    let (exit, said, record) = run_on(&stage, "an-old-passphrase", &["run"]);
    assert_eq!((exit, &record["verdict"]), (3, &json!("error")), "{said}");
    assert!(said.contains("the passphrase does not open it"), "{said}");
}

/// A wrong key whose noise ends in a valid padding by chance: one in 256 does.
#[test]
fn a_wrong_passphrase_that_decrypts_the_last_block_by_chance_is_still_wrong() {
    let dir = tempfile::tempdir().expect("tempdir");
    let plain = export();
    let stored = encrypt(&plain, PASSPHRASE, dir.path());
    let opens = |passphrase: &str| {
        let mut key = [0; 48];
        let digest = openssl::hash::MessageDigest::sha256();
        openssl::pkcs5::pbkdf2_hmac(passphrase.as_bytes(), &stored[8..16], 100_000, digest, &mut key).expect("key");
        openssl::symm::decrypt(openssl::symm::Cipher::aes_256_cbc(), &key[..32], Some(&key[32..]), &stored[16..]).is_ok()
    };
    let lucky = (0..4000).map(|n| format!("wrong-{n}")).find(|passphrase| opens(passphrase)).expect("one of 256");
    let stage = stage(&stored, "secrets: {}\n");
    stage.write("key-b", &lucky);
    let (exit, said, _) = run_on(&stage, &lucky, &["run"]);
    assert!(exit == 3 && said.contains("the passphrase does not open it"), "{said}");
}

#[test]
fn each_broken_export_turns_the_run_red_and_shows_no_value() {
    let secret = VALUES[0];
    for (what, plain, words) in [
        (
            "an API error",
            json!({ "messages": ["Invalid Service token"], "success": false }).to_string(),
            "error answer of the API",
        ),
        ("empty", "{}".to_owned(), "has no keys"),
        ("only Doppler's own", json!({ "DOPPLER_PROJECT": secret }).to_string(), "has no keys"),
        ("nested", json!({ "DATABASE_URL": secret, "A": { "B": secret } }).to_string(), "1 of 2 keys cannot be uploaded"),
        ("illegal names", json!({ "DATABASE_URL": secret, "a-b": secret }).to_string(), "1 of 2 keys cannot be uploaded"),
        ("a list", json!([secret]).to_string(), "no JSON object, but a list"),
        ("a required key is missing", json!({ "A": secret }).to_string(), "1 of 1 are missing: DATABASE_URL"),
        ("a required key is empty", json!({ "DATABASE_URL": "" }).to_string(), "1 keys hold no secret"),
        ("twice", format!("{{\"DATABASE_URL\":\"{secret}\",\"DATABASE_URL\":\"x\"}}"), "more than once: DATABASE_URL"),
        ("cut before it was encrypted", format!("{{\"DATABASE_URL\":\"{secret}"), "ends in the middle"),
    ] {
        let (exit, said, record) = run(plain.as_bytes());
        assert!(exit == 1 && said.contains(words), "{what}: {exit}\n{said}");
        assert_eq!(record["verdict"], "fail", "{what}");
        assert!(!said.contains(secret) && !record.to_string().contains(secret), "{what}");
    }
}

#[test]
fn what_is_stored_cut_or_in_the_clear_turns_the_run_red() {
    let dir = tempfile::tempdir().expect("tempdir");
    let large = json!({ "DATABASE_URL": VALUES[0].repeat(100) }).to_string();
    let stored = encrypt(large.as_bytes(), PASSPHRASE, dir.path());
    for (what, stored, words) in [
        ("cut within a block", stored[..stored.len() - 7].to_vec(), "are no whole blocks"),
        // Its padding is gone: what ends the file is text.
        ("cut at a block", stored[..stored.len() - 32].to_vec(), "the end of the encrypted file is damaged or missing"),
        ("in the clear", large.clone().into_bytes(), "it is not openssl enc: it looks like JSON"),
        ("a web page", b"<html>401</html>".to_vec(), "it looks like an HTML page"),
    ] {
        let (exit, said, record) = run_on(&stage(&stored, "secrets: {}\n"), PASSPHRASE, &["run"]);
        assert!(exit == 1 && said.contains(words), "{what}: {exit}\n{said}");
        assert!(!record.to_string().contains(VALUES[0]));
    }
}

/// Every form that a value may leave in.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let url = |upper: bool| -> String {
        let encode = |b: u8| match b {
            b if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) => char::from(b).to_string(),
            b if upper => format!("%{b:02X}"),
            b => format!("%{b:02x}"),
        };
        value.bytes().map(encode).collect()
    };
    let escaped = json!(value).to_string();
    // Base64 within a longer text begins at any of three offsets; the outermost characters depend on the neighbours.
    let shifted = (0..3).map(|skip| {
        let bytes = &value.as_bytes()[skip..];
        openssl::base64::encode_block(&bytes[..bytes.len() / 3 * 3])
    });
    let plain = [value.to_owned(), url(true), url(false), escaped.trim_matches('"').to_owned(), format!("{value:?}")];
    plain.into_iter().chain(shifted).map(String::into_bytes).collect()
}

fn search(place: &str, bytes: &[u8], needles: &[Vec<u8>]) {
    for needle in needles {
        let found = memchr::memmem::find(bytes, needle);
        assert!(found.is_none(), "{place} holds {:?}", String::from_utf8_lossy(needle));
    }
}

fn search_all(folder: &Path, needles: &[Vec<u8>], searched: &mut usize) {
    for entry in std::fs::read_dir(folder).expect("folder") {
        let path = entry.expect("entry").path();
        if path.is_dir() && !path.is_symlink() {
            search_all(&path, needles, searched);
        } else if path.file_name().is_some_and(|name| name != "key-b") {
            search(&path.display().to_string(), &std::fs::read(&path).unwrap_or_default(), needles);
            *searched += 1;
        }
    }
}

#[test]
fn no_value_is_in_any_byte_that_is_written() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut needles: Vec<Vec<u8>> = VALUES.iter().flat_map(|value| forms(value)).collect();
    needles.extend(forms(PASSPHRASE));
    let broken = json!({ "DATABASE_URL": VALUES[0], "a-b": VALUES[1], "C": { "d": VALUES[2] } }).to_string();
    for (plain, exit) in [(export(), 0), (broken.into_bytes(), 1)] {
        let stage = stage(&encrypt(&plain, PASSPHRASE, dir.path()), "secrets: { keys: [DATABASE_URL] }\n");
        let mut command = assay(stage.path());
        command.args(["run", "-vv"]).env("KEY_A", PASSPHRASE).env("ASSAY_LOG", "trace").env("RUST_BACKTRACE", "full");
        let output = call(&mut command);
        assert_eq!(output.status.code(), Some(exit), "{}", text(&output));
        search("stdout", &output.stdout, &needles);
        search("stderr", &output.stderr, &needles);
        let mut searched = 0;
        search_all(stage.path(), &needles, &mut searched);
        assert!(searched >= 5, "{searched} files");
    }
    // The search itself finds what is there.
    let leak = std::panic::catch_unwind(|| search("a leak", VALUES[1].as_bytes(), &forms(VALUES[1])));
    assert!(leak.is_err());
}

fn live(url: &str, token: &Path) -> LiveSecrets {
    LiveSecrets { token: SecretRef::File(token.into()), project: None, config: None, values: false, api: url.into(), ca: None }
}

async fn look(double: &Double, token: &str) -> assay::error::Result<Census> {
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("token");
    std::fs::write(&file, token).expect("token");
    census(&live(&double.url, &file), &Secrets::default()).await
}

fn secrets(names: &[&str]) -> Vec<(String, Option<String>)> {
    names.iter().map(|name| ((*name).to_owned(), Some(VALUES[0].to_owned()))).collect()
}

#[tokio::test]
async fn the_live_names_are_read_without_values_and_without_dopplers_own() {
    let double = Double::start(|asked, before| match before {
        0 => doppler_error(429, "slow down").header("retry-after", "0"),
        1 => Reply::page(503),
        _ => doppler(&secrets(&["DATABASE_URL", "NEW_KEY"]), asked),
    })
    .await;
    let census = look(&double, TOKEN).await.expect("census");
    let names: Vec<&str> = census.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["DATABASE_URL", "NEW_KEY"]);
    assert!(double.asked().iter().all(|asked| asked.method == "GET" && asked.path.ends_with("/names")));
    // An API that does not know the parameter sends Doppler's own as well.
    let old = Double::start(|_, _| Reply::json(200, json!({ "names": ["A", "DOPPLER_PROJECT"] }))).await;
    assert_eq!(look(&old, TOKEN).await.expect("census").total(), 1);
}

/// An export that was read, as a run has it.
async fn read_export(plain: &[u8]) -> SecretExport {
    let stored = futures_util::stream::iter([Ok(bytes::Bytes::copy_from_slice(plain))]).boxed();
    let order = Order { stored, layers: Vec::new(), secrets: Secrets::default(), recognises: Arc::new(|_| true) };
    let progress = Progress::new("test", tokio::sync::mpsc::unbounded_channel().0);
    let Arriving { head, stream, intake: _intake, .. } = arrive(order, &progress).await.expect("arrive");
    let subject = SecretExport::new(SecretsSpec::default());
    let facts = subject.inspect(&head, None).expect("an export");
    let attempt = subject.restore(Payload { head, body: Body::Stream(stream) }, &facts, None).await;
    attempt.restored.expect("restored");
    subject
}

#[tokio::test]
async fn values_that_differ_are_named_and_restricted_ones_are_left_out() {
    let live_secrets = vec![
        ("DATABASE_URL".to_owned(), Some(VALUES[0].to_owned())),
        ("SESSION_KEY".to_owned(), Some("another".to_owned())),
        ("STRIPE_KEY".to_owned(), None),
        ("NEW_KEY".to_owned(), Some("x".to_owned())),
    ];
    let double = Double::start(move |asked, _| doppler(&live_secrets, asked)).await;
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("token");
    std::fs::write(&file, TOKEN).expect("token");
    let subject = read_export(&export()).await;
    let live =
        LiveSecrets { values: true, project: Some("my app".into()), config: Some("prd".into()), ..live(&double.url, &file) };
    let live = assay::scenario::LiveSpec::Doppler(live);
    let census = subject.live(&live, &Secrets::default(), jiff::Timestamp::now()).await.expect("census");
    assert_eq!(census.inventory[0].members, ["SESSION_KEY"]);
    let names: Vec<&str> = census.groups.iter().map(|g| g.name.as_str()).collect();
    assert_eq!(names, ["DATABASE_URL", "NEW_KEY", "SESSION_KEY", "STRIPE_KEY"]);
    let asked = &double.asked()[0];
    assert_eq!((asked.parameter("project"), asked.parameter("config")), (Some("my%20app"), Some("prd")));
    assert!(!format!("{subject:?} {census:?}").contains(VALUES[0]));
}

/// What a panic can show of a value is its `Debug`, and the message of a thread that is gone is another's.
#[tokio::test]
async fn a_panic_shows_no_value() {
    let subject = Arc::new(read_export(&export()).await);
    let panicked = tokio::spawn(async move { panic!("{subject:?}") }).await.expect_err("a panic").into_panic();
    let message = panicked.downcast_ref::<String>().expect("a text");
    assert!(message.contains("SecretExport") && VALUES.iter().all(|value| !message.contains(value)), "{message}");
}

#[tokio::test]
async fn an_api_that_refuses_is_told_and_none_of_its_values() {
    let real = Double::start(|asked, _| doppler(&secrets(&["A"]), asked)).await;
    let forbidden = Double::start(|_, _| doppler_error(403, "This token does not have access to requested config")).await;
    let final_word = Double::start(|_, _| doppler_error(500, "Internal error")).await;
    let strange = Double::start(|_, _| Reply::json(200, json!({ "A": VALUES[0] }))).await;
    let cut = Double::start(|asked, _| doppler(&secrets(&["A"]), asked).fault(Fault::Cut(5))).await;
    for (double, token, words) in [
        (&real, "another-token", "answers 401 Unauthorized: Invalid Service token"),
        (&forbidden, TOKEN, "answers 403 Forbidden: This token does not have access"),
        (&final_word, TOKEN, "answers 500 Internal Server Error: Internal error"),
        (&strange, TOKEN, "not what its API promises"),
        (&cut, TOKEN, "its answer breaks off"),
    ] {
        let error = look(double, token).await.expect_err(words);
        assert!(error.message.contains(words), "{error}");
        assert!(!format!("{error:?}").contains(VALUES[0]));
    }
    assert_eq!(final_word.asked().len(), 1);
    assert_eq!(cut.asked().len(), 4);
}
