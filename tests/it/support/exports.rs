//! Stored exports, whole and broken.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A tar archive of these files, gzipped as by `tar -cz`.
pub fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        builder.append(&header, *data).expect("append");
    }
    gzip(&builder.into_inner().expect("finish"))
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

/// The zone file of these records, as Cloudflare writes it: the SOA's owner has no dot, its own NS are in no list.
pub fn zone_file(records: &[Value]) -> String {
    let mut file = ";;\n;; Domain:     example.com.\n;; Exported:   2026-11-15 04:00:00\n;;\n\n;; SOA Record\n\
        example.com\t3600\tIN\tSOA\tns.ns.cloudflare.com. dns.cloudflare.com. 2051234567 10000 2400 604800 3600\n\n;; NS Records\n\
        example.com.\t86400\tIN\tNS\tada.ns.cloudflare.com.\nexample.com.\t86400\tIN\tNS\tbob.ns.cloudflare.com.\n\n"
        .to_owned();
    for record in records {
        let text = |key: &str| record[key].as_str().expect(key);
        let (kind, content) = (text("type"), text("content"));
        let value = match kind {
            "TXT" => format!("\"{content}\""),
            "MX" => format!("{} {content}.", record["priority"]),
            "CNAME" => format!("{content}."),
            _ => content.to_owned(),
        };
        let tags = if record["proxiable"] == json!(true) { " ; cf_tags=cf-proxied:false" } else { "" };
        writeln!(file, "{}.\t{}\tIN\t{kind}\t{value}{tags}", text("name"), record["ttl"]).expect("write");
    }
    file
}

/// All pages as the job saves them: one list.
pub fn dns_export(records: &[Value]) -> Vec<u8> {
    dns_files(&json!(records).to_string(), &zone_file(records))
}

pub fn dns_files(records: &str, zone_file: &str) -> Vec<u8> {
    let settings = json!({ "success": true, "errors": [], "messages": [], "result": [{ "id": "ssl", "value": "strict", "editable": true }] });
    tar_gz(&[
        ("dns/all_records.json", records.as_bytes()),
        ("dns/zone_settings.json", settings.to_string().as_bytes()),
        ("dns/zone-export.txt", zone_file.as_bytes()),
    ])
}

/// As the job encrypts: `openssl enc -aes-256-cbc -salt -pbkdf2 -iter 100000`, by the real tool.
pub fn encrypt(plain: &[u8], passphrase: &str, dir: &Path) -> Vec<u8> {
    let key = dir.join("passphrase-of-the-job");
    std::fs::write(&key, passphrase).expect("passphrase");
    let mut child = Command::new("openssl")
        .args(["enc", "-aes-256-cbc", "-salt", "-pbkdf2", "-iter", "100000", "-pass"])
        .arg(format!("file:{}", key.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("openssl");
    let mut stdin = child.stdin.take().expect("stdin");
    let plain = plain.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&plain).expect("write"));
    let output = child.wait_with_output().expect("openssl");
    writer.join().expect("writer");
    assert!(output.status.success());
    std::fs::remove_file(key).expect("remove");
    output.stdout
}
