//! The export as it is stored: a small tar archive with three files, read in memory.

use super::api::{self, Listing, Unusable};
use super::bind::{self, ZoneFile};
use super::record::host;
use crate::error::{Error, Result};
use crate::open::members::{Most, members};
use serde_json::Value;
use std::io::Read;

const RECORDS: &str = "all_records.json";
const SETTINGS: &str = "zone_settings.json";
const ZONE_FILE: &str = "zone-export.txt";

/// The largest zones have some hundred thousand records of less than a kilobyte.
const MOST: Most = Most { bytes: 256 << 20, members: 100 };

/// What an export holds.
#[derive(Debug)]
pub(super) struct Export {
    /// The zone's name, without its closing dot.
    pub zone: String,
    /// What the API listed.
    pub listing: Listing,
    /// The BIND file.
    pub file: ZoneFile,
    /// The names of the settings.
    pub settings: Vec<String>,
}

/// Reads an export. `zone` is the name that the scenario expects.
///
/// # Errors
/// Backup: the archive is damaged or unsafe, a file is missing, cut, an error answer, or of another zone.
pub(super) fn read(payload: impl Read, zone: Option<&str>) -> Result<Export> {
    let files = members(payload, MOST)?;
    let missing: Vec<&str> = [RECORDS, SETTINGS, ZONE_FILE].into_iter().filter(|name| pick(&files, name).is_none()).collect();
    if !missing.is_empty() {
        let hint = "The job that makes it wrote only a part: look at its log.";
        return Err(Error::backup(format!("the export lacks {}", missing.join(", "))).hint(hint));
    }
    let file = |name| pick(&files, name).unwrap_or_default();
    let listing = api::listing(file(RECORDS)).map_err(|why| unusable(RECORDS, &why))?;
    if listing.records.is_empty() {
        return Err(
            Error::backup(format!("{RECORDS} has no records")).hint("A token without the right to read the zone gets none.")
        );
    }
    let settings = settings(file(SETTINGS)).map_err(|why| unusable(SETTINGS, &why))?;
    let text = std::str::from_utf8(file(ZONE_FILE)).map_err(|_| Error::backup(format!("{ZONE_FILE} is no text")))?;
    let file = zone_file(text)?;
    let found = name(&listing, &file, settings.zone)?;
    if let Some(zone) = zone.map(host).filter(|zone| *zone != found) {
        return Err(Error::backup(format!("it is an export of the zone {found}, not of {zone}")));
    }
    Ok(Export { zone: found, listing, file, settings: settings.names })
}

/// A file by its name, in whatever folder it lies.
fn pick<'f>(files: &'f [(String, Vec<u8>)], name: &str) -> Option<&'f [u8]> {
    let found = files.iter().find(|(path, _)| path.rsplit('/').next() == Some(name));
    found.map(|(_, data)| data.as_slice())
}

fn unusable(file: &str, why: &Unusable) -> Error {
    match why {
        Unusable::Json(line) => Error::backup(format!("{file} is no whole JSON: it goes wrong in line {line}"))
            .hint("The file was cut, or something else was saved under its name."),
        Unusable::Refused(refused) => {
            Error::backup(format!("{file} is an error answer of the API, saved as the backup: {}", refused.0))
                .hint("Let the job that makes it look at `success` before it stores anything.")
        }
        Unusable::Other => Error::backup(format!("{file} is JSON, but not what the API sends")),
    }
}

struct Settings {
    names: Vec<String>,
    zone: Option<String>,
}

/// The zone's settings, or the zone itself: jobs save either under this name.
fn settings(text: &[u8]) -> Result<Settings, Unusable> {
    let mut settings = Settings { names: Vec::new(), zone: None };
    let documents = api::documents(text)?;
    if documents.is_empty() {
        return Err(Unusable::Json(1));
    }
    for document in documents {
        settings.take(document)?;
    }
    Ok(settings)
}

impl Settings {
    fn take(&mut self, document: Value) -> Result<(), Unusable> {
        let mut object = match document {
            Value::Array(items) => return items.into_iter().try_for_each(|item| self.take(item)),
            Value::Object(object) => object,
            _ => return Err(Unusable::Other),
        };
        if let Some(refused) = api::refused(&object) {
            return Err(Unusable::Refused(refused));
        }
        if let Some(result) = object.remove("result") {
            return self.take(result);
        }
        let text = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        match (text("id"), text("name")) {
            (_, Some(name)) => self.zone = Some(host(&name)),
            (Some(id), None) => self.names.push(id),
            (None, None) => self.names.extend(object.keys().cloned()),
        }
        Ok(())
    }
}

fn zone_file(text: &str) -> Result<ZoneFile> {
    let start = text.trim_start();
    if start.starts_with('{') {
        let refused = api::listing(start.as_bytes()).err();
        return Err(refused.map_or_else(|| not_a_zone_file("JSON"), |why| unusable(ZONE_FILE, &why)));
    }
    if start.starts_with('<') {
        return Err(not_a_zone_file("a web page"));
    }
    if start.is_empty() {
        return Err(not_a_zone_file("empty"));
    }
    Ok(bind::read(text))
}

fn not_a_zone_file(is: &str) -> Error {
    Error::backup(format!("{ZONE_FILE} is no zone file: it is {is}"))
}

/// The zone's name, on which all files must agree.
fn name(listing: &Listing, file: &ZoneFile, told: Option<String>) -> Result<String> {
    let soa = file.zone().map(str::to_owned);
    match (soa, told) {
        (Some(soa), Some(told)) if soa != told => {
            Err(Error::backup(format!("{SETTINGS} is of the zone {told} and {ZONE_FILE} of {soa}")))
        }
        (Some(zone), _) | (None, Some(zone)) => Ok(zone),
        // Without an SOA: the longest name that all records end with.
        (None, None) => Ok(common(listing)),
    }
}

fn common(listing: &Listing) -> String {
    let mut names = listing.records.iter().map(|record| record.name.as_str());
    let first = names.next().unwrap_or_default();
    let mut common: Vec<&str> = first.rsplit('.').collect();
    for name in names {
        let same = name.rsplit('.').zip(&common).take_while(|(a, b)| a == *b).count();
        common.truncate(same);
    }
    common.reverse();
    common.join(".")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::error::Blame;

    pub const RECORD: &str = r#"{"type":"A","name":"www.example.com","content":"192.0.2.1","ttl":300}"#;
    pub const FILE: &str = "example.com\t3600\tIN\tSOA\tns.example.net. dns.example.net. 1 2 3 4 5\n\
        example.com.\t86400\tIN\tNS\tns.example.net.\nwww.example.com.\t300\tIN\tA\t192.0.2.1\n";

    pub fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut builder = ::tar::Builder::new(Vec::new());
        for (name, text) in files {
            let mut header = ::tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            builder.append_data(&mut header, name, text.as_bytes()).expect("append");
        }
        builder.into_inner().expect("finish")
    }

    fn export(records: &str, settings: &str, file: &str) -> Result<Export> {
        let files = [("dns/all_records.json", records), ("dns/zone_settings.json", settings), ("dns/zone-export.txt", file)];
        read(tar(&files).as_slice(), None)
    }

    #[test]
    fn a_whole_export_is_read() {
        let settings = r#"{"success":true,"result":[{"id":"ssl","value":"strict"},{"id":"ipv6","value":"on"}]}"#;
        let export = export(&format!("[{RECORD}]"), settings, FILE).expect("export");
        assert_eq!((export.zone.as_str(), export.listing.records.len(), export.file.records.len()), ("example.com", 1, 3));
        assert_eq!(export.settings, ["ssl", "ipv6"]);
    }

    #[test]
    fn every_part_that_is_missing_cut_or_another_is_told() {
        let records = format!("[{RECORD}]");
        let page = "<html><body>502</body></html>";
        let refused = r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}"#;
        for (records, settings, file, words) in [
            ("[{\"type\":\"A\",\n\"na", "[]", FILE, "all_records.json is no whole JSON: it goes wrong in line 2"),
            (
                refused,
                "[]",
                FILE,
                "all_records.json is an error answer of the API, saved as the backup: Authentication error (10000)",
            ),
            ("[]", "[]", FILE, "all_records.json has no records"),
            (&records, refused, FILE, "zone_settings.json is an error answer"),
            (&records, "7", FILE, "zone_settings.json is JSON, but not what the API sends"),
            (&records, "[]", refused, "zone-export.txt is an error answer"),
            (&records, "[]", page, "zone-export.txt is no zone file: it is a web page"),
            (&records, "[]", "\n", "zone-export.txt is no zone file: it is empty"),
            (
                &records,
                r#"{"result":{"name":"example.net"}}"#,
                FILE,
                "of the zone example.net and zone-export.txt of example.com",
            ),
        ] {
            let error = export(records, settings, file).expect_err(words);
            assert!(error.blame == Blame::Backup && error.message.contains(words), "{error}");
        }
        let error = read(tar(&[("all_records.json", "[]")]).as_slice(), None).expect_err("missing");
        assert_eq!(error.message, "the export lacks zone_settings.json, zone-export.txt");
        let files = [("all_records.json", records.as_str()), ("zone_settings.json", "[]"), ("zone-export.txt", FILE)];
        let error = read(tar(&files).as_slice(), Some("example.org")).expect_err("another zone");
        assert_eq!(error.message, "it is an export of the zone example.com, not of example.org");
    }
}
