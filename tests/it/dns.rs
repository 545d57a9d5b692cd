//! `dns_zone`: whole and broken exports, from the store to the verdict, and the live API.

use crate::stage::{Stage, text};
use crate::support::apis::{TOKEN, ZONE_ID, cloudflare, cloudflare_error, record, too_many};
use crate::support::double::{Double, Fault, Reply};
use crate::support::exports::{dns_export, dns_files, gzip, tar_gz, zone_file};
use assay::census::compare;
use assay::secret::{SecretRef, Secrets};
use assay::subject::dns_zone::live::{LiveZone, census};
use serde_json::{Value, json};

/// 143 records of every usual kind: more than one page of the API.
fn zone() -> Vec<Value> {
    let mut records: Vec<Value> =
        (0..135).map(|n| record(n, "A", &format!("host{n}.example.com"), &format!("192.0.2.{}", n % 250 + 1))).collect();
    for (n, (kind, name, content)) in [
        ("AAAA", "host0.example.com", "2001:db8::1"),
        ("MX", "example.com", "mx1.example.net"),
        ("MX", "example.com", "mx2.example.net"),
        ("TXT", "example.com", "v=spf1 include:_spf.example.net ~all"),
        ("TXT", "_dmarc.example.com", "v=DMARC1; p=none"),
        ("CNAME", "www.example.com", "host0.example.com"),
        ("CAA", "example.com", "0 issue \"letsencrypt.org\""),
        ("SRV", "_sip._tcp.example.com", "10 1 5060 host1.example.com."),
    ]
    .into_iter()
    .enumerate()
    {
        records.push(record(200 + n, kind, name, content));
    }
    assert_eq!(records.len(), 143);
    records
}

/// Runs one export, and gives the exit code, everything that was said, and the scenario's record.
fn run(export: &[u8]) -> (i32, String, Value) {
    let stage = Stage::empty("");
    stage.scenario("zone", "dns_zone: { zone: example.com }\nchecks:\n  - count: { of: MX, min: 2 }\n");
    stage.artifact("zone", export);
    let output = stage.assay(&["run"]);
    assert!(stage.leavings().is_empty());
    let record = stage.evidence()["scenarios"][0].clone();
    (output.status.code().expect("exit"), text(&output), record)
}

fn outcome<'a>(record: &'a Value, check: &str) -> &'a Value {
    let outcomes = record["checks"].as_array().expect("checks");
    outcomes.iter().find(|o| o["check"] == check).unwrap_or_else(|| panic!("no {check} in {outcomes:?}"))
}

#[test]
fn a_whole_zone_is_served_and_counted_by_type() {
    let (exit, said, record) = run(&dns_export(&zone()));
    assert_eq!(exit, 0, "{said}");
    assert_eq!((&record["verdict"], &record["depth"]), (&json!("pass"), &json!("checked")));
    let served = outcome(&record, "zone served");
    assert_eq!(served["message"], "143 records answered as exported, over UDP and TCP (288 questions)", "{served}");
    let complete = outcome(&record, "export complete")["message"].as_str().expect("message");
    assert_eq!(complete, "example.com: 143 records (A 135, AAAA 1, CAA 1, CNAME 1, MX 2, SRV 1, TXT 2), 1 settings");
    let censuses = record["censuses"].as_array().expect("censuses");
    let [artifact, restored] = censuses.as_slice() else { panic!("{censuses:?}") };
    assert_eq!(artifact["groups"], restored["groups"]);
    let members = restored["inventory"][0]["members"].as_array().expect("members");
    assert!(members.contains(&json!("MX example.com 10 mx1.example.net.")), "{members:?}");
    // What a TXT record says is nobody's business.
    assert!(!record.to_string().contains("_spf.example.net"));
}

#[test]
fn each_broken_export_turns_the_run_red() {
    let (records, file) = (zone(), zone_file(&zone()));
    let json = json!(records).to_string();
    let whole = dns_export(&records);
    let page = json!({ "success": true, "result": records[..100], "result_info": { "page": 1, "per_page": 100, "count": 100, "total_count": 143 } });
    let refused =
        json!({ "success": false, "errors": [{ "code": 10000, "message": "Authentication error" }], "result": null }).to_string();
    let changed = file.replace("host7.example.com.\t300\tIN\tA\t192.0.2.8", "host7.example.com.\t300\tIN\tA\t192.0.2.88");
    assert_ne!(changed, file);
    let bomb = {
        let mut header = tar::Header::new_gnu();
        header.set_path("all_records.json").expect("path");
        header.set_size(10 << 30);
        header.set_cksum();
        gzip(header.as_bytes())
    };
    for (what, export, words) in [
        ("cut", whole[..whole.len() - 600].to_vec(), "cut short"),
        ("no tar", gzip(b"<html>502 Bad Gateway</html>"), "it is no export of a DNS zone: it looks like an HTML page"),
        ("leads out", tar_gz(&[("../all_records.json", json.as_bytes())]), "leads out of it"),
        ("absolute", tar_gz(&[("/etc/cron.d/x", b"x")]), "leads out of it"),
        ("bomb", bomb, "holds more than"),
        (
            "one file missing",
            tar_gz(&[("all_records.json", json.as_bytes()), ("zone-export.txt", file.as_bytes())]),
            "the export lacks zone_settings.json",
        ),
        ("JSON cut", dns_files(&json[..5000], &file), "all_records.json is no whole JSON"),
        ("refused", dns_files(&refused, &file), "error answer of the API, saved as the backup: Authentication error (10000)"),
        ("empty", dns_files("[]", &file), "all_records.json has no records"),
        ("first page only", dns_files(&page.to_string(), &file), "the API had 143 records and 100 were saved"),
        ("first page only, as a list", dns_files(&json!(records[..100]).to_string(), &file), "differ in 43 places"),
        ("zone file cut", dns_files(&json, &file[..file.len() / 2]), "records are answered as they were exported"),
        ("disagree", dns_files(&json, &changed), "142 of 143 records are answered as they were exported"),
        (
            "refused by the server",
            dns_files(&json, &format!("{file}www.example.com. 1 IN A 192.0.2.1\n")),
            "the name server refused 1 records",
        ),
        ("no SOA", dns_files(&json, &file.replace("\tSOA\t", "\tTXT\t")), "no name server loads it"),
    ] {
        let (exit, said, record) = run(&export);
        assert!(exit == 1 && said.contains(words), "{what}: {exit}\n{said}");
        assert_eq!(record["verdict"], "fail", "{what}");
    }
}

#[test]
fn a_link_in_the_archive_turns_the_run_red() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder.append_link(&mut header, "all_records.json", "/etc/passwd").expect("link");
    let (exit, said, _) = run(&gzip(&builder.into_inner().expect("finish")));
    assert!(exit == 1 && said.contains("a member that is no file: all_records.json"), "{said}");
}

fn live(url: &str, token: &std::path::Path) -> LiveZone {
    LiveZone { zone_id: ZONE_ID.into(), token: SecretRef::File(token.into()), api: url.into(), ca: None }
}

async fn look(double: &Double, token: &str) -> assay::error::Result<assay::census::Census> {
    let dir = tempfile::tempdir().expect("tempdir");
    let file = dir.path().join("token");
    std::fs::write(&file, token).expect("token");
    census(&live(&double.url, &file), &Secrets::default()).await
}

#[tokio::test]
async fn the_live_zone_is_read_page_by_page_and_compared_by_name() {
    let records = zone();
    let double = Double::start({
        let records = records.clone();
        move |asked, _| cloudflare(&records, asked)
    })
    .await;
    let all = look(&double, TOKEN).await.expect("census");
    assert_eq!(all.summary(), "7 types, 143 records");
    assert_eq!(double.asked().len(), 2);
    assert!(double.asked().iter().all(|asked| asked.method == "GET"));
    let fewer = Double::start(move |asked, _| cloudflare(&records[1..], asked)).await;
    let fewer = look(&fewer, TOKEN).await.expect("census");
    let differences = compare(&all, &fewer);
    assert_eq!((differences.len(), differences[0].name.as_str(), differences[0].right), (1, "A", Some(134)));
    let gone: Vec<_> = all.inventory[0].members.iter().filter(|m| !fewer.inventory[0].members.contains(m)).collect();
    assert_eq!(gone, ["A host0.example.com 192.0.2.1"]);
}

#[tokio::test]
async fn a_busy_and_a_stumbling_api_are_asked_again() {
    let records = zone();
    let double = Double::start(move |asked, before| match before {
        0 => too_many(0),
        2 => Reply::page(502),
        3 => cloudflare(&records, asked).fault(Fault::Cut(700)),
        _ => cloudflare(&records, asked),
    })
    .await;
    assert_eq!(look(&double, TOKEN).await.expect("census").total(), 143);
    assert_eq!(double.asked().len(), 5);
}

#[tokio::test]
async fn an_api_that_refuses_is_told_in_its_own_words_and_blames_nobodys_backup() {
    let long_pause = Double::start(|_, _| too_many(299)).await;
    let page = Double::start(|_, _| Reply::page(403)).await;
    let text = Double::start(|_, _| Reply::json(200, "[]")).await;
    let real = Double::start(|asked, _| cloudflare(&[], asked)).await;
    let lost = Double::start(|_, _| cloudflare_error(404, 7003, "Could not route", None)).await;
    let elsewhere = Double::start(|_, _| Reply::json(302, "").header("location", "http://example.invalid/x")).await;
    let same_page = Double::start(|asked, _| {
        let info = json!({ "page": 1, "per_page": 1, "count": 1, "total_count": 2, "total_pages": 2 });
        let _ = asked;
        Reply::json(
            200,
            json!({ "success": true, "result": [record(1, "A", "a.example.com", "192.0.2.1")], "result_info": info }),
        )
    })
    .await;
    let short = Double::start(|_, before| {
        let result = if before == 0 { vec![record(1, "A", "a.example.com", "192.0.2.1")] } else { Vec::new() };
        Reply::json(200, json!({ "success": true, "result": result, "result_info": { "total_count": 2 } }))
    })
    .await;
    for (double, token, words) in [
        (&long_pause, TOKEN, "asks for a pause of 299 seconds"),
        (&page, TOKEN, "answers 403 Forbidden with a web page"),
        (&text, TOKEN, "not what its API promises"),
        (
            &real,
            "${CF_TOKEN}",
            "answers 400 Bad Request: Invalid request headers (6003); Invalid format for Authorization header (6111)",
        ),
        (&real, "another-token", "answers 403 Forbidden: Authentication error (10000)"),
        (&lost, TOKEN, "answers 404 Not Found: Could not route (7003)"),
        (&elsewhere, TOKEN, "it redirects to another host, example.invalid"),
        (&same_page, TOKEN, "repeats records of the pages before it"),
        (&short, TOKEN, "the zone has 2 records and sent 1"),
    ] {
        let error = look(double, token).await.expect_err(words);
        assert!(error.message.contains(words), "{error}");
        assert_eq!(error.blame, assay::error::Blame::Harness);
        assert!(!format!("{error:?}").contains(token), "{error:?}");
    }
}

/// The pack as an installation has it: with a configuration of its own.
#[test]
fn the_portfolio_pack_loads() {
    let stage = Stage::empty("");
    let pack = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/portfolio");
    for name in ["dns-zone.yaml", "doppler-secrets.yaml"] {
        let text = std::fs::read_to_string(pack.join(name)).expect(name).replace("store: b2", "store: here");
        stage.write(&format!("scenarios/{name}"), text);
    }
    let output = stage.assay(&["validate"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
}
