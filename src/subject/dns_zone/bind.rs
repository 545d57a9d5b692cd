//! The BIND file of the export, record by record. Cloudflare writes no `$ORIGIN`; its SOA's owner has no trailing dot while all
//! others have (reference: four independent exports), and older files have none in the SOA's names either.

use super::lexer::{Line, lines};
use super::rdata::{self, Unreadable};
use super::record::{ZoneRecord, host};
use hickory_proto::rr::RecordType;

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct ZoneFile {
    /// The records, the SOA among them, in the file's order.
    pub records: Vec<ZoneRecord>,
    /// Lines that are no record, with what is wrong: `line 12: ...`.
    pub faults: Vec<String>,
    /// Lines that a name server may know and nobody here does: `line 12: ...`.
    pub unread: Vec<String>,
}

impl ZoneFile {
    /// The zone's name: that of its one SOA.
    pub fn zone(&self) -> Option<&str> {
        self.records.iter().find(|record| record.kind == "SOA").map(|record| record.name.as_str())
    }

    /// The records of this type.
    pub fn of(&self, kind: &str) -> impl Iterator<Item = &ZoneRecord> {
        self.records.iter().filter(move |record| record.kind == kind)
    }
}

/// Reads a BIND file. Never fails: what cannot be read is listed.
pub(super) fn read(text: &str) -> ZoneFile {
    let mut reader = Reader::default();
    for line in lines(text) {
        let number = line.number;
        if let Err(fault) = reader.line(&line) {
            let list = if fault.unread { &mut reader.file.unread } else { &mut reader.file.faults };
            list.push(format!("line {number}: {}", fault.what));
        }
    }
    reader.file
}

struct Fault {
    what: String,
    unread: bool,
}

fn fault(what: impl Into<String>) -> Fault {
    Fault { what: what.into(), unread: false }
}

fn unread(what: impl Into<String>) -> Fault {
    Fault { what: what.into(), unread: true }
}

#[derive(Default)]
struct Reader {
    file: ZoneFile,
    origin: Option<String>,
    ttl: Option<u32>,
    owner: Option<String>,
}

impl Reader {
    fn line(&mut self, line: &Line) -> Result<(), Fault> {
        if line.open {
            return Err(fault("a quote or a parenthesis is never closed: the file is cut or damaged"));
        }
        let first = line.words.first().map(String::as_str).unwrap_or_default();
        if !line.continues_owner && first.starts_with('$') {
            return self.directive(&first.to_ascii_uppercase(), line.words.get(1).map(String::as_str));
        }
        let (owner, words) = match (line.continues_owner, line.words.split_first()) {
            (false, Some((owner, rest))) => (Some(owner.clone()), rest),
            _ => (None, line.words.as_slice()),
        };
        self.record(owner, words)
    }

    fn directive(&mut self, name: &str, value: Option<&str>) -> Result<(), Fault> {
        match (name, value) {
            ("$ORIGIN", Some(origin)) => self.origin = Some(host(origin)),
            ("$TTL", Some(ttl)) => self.ttl = Some(seconds(ttl).ok_or_else(|| fault("$TTL has no time"))?),
            // It would read a file of the machine that restores.
            ("$INCLUDE", _) => return Err(unread("$INCLUDE is not followed")),
            ("$GENERATE", _) => return Err(unread("$GENERATE is not expanded")),
            _ => return Err(fault("an unknown or empty directive")),
        }
        Ok(())
    }

    fn record(&mut self, owner: Option<String>, words: &[String]) -> Result<(), Fault> {
        let (ttl, words) = self.ttl_and_class(words);
        let Some((kind, value)) = words.split_first() else { return Err(fault("a line without a record type")) };
        let kind = kind.to_ascii_uppercase();
        let record_type = match rdata::kind(&kind) {
            Ok(record_type) => record_type,
            Err(_) if kind.bytes().all(|b| b.is_ascii_alphanumeric()) && kind.len() <= 10 => {
                return Err(unread(format!("the type {kind} is not known here")));
            }
            Err(_) => return Err(fault("not a record")),
        };
        let name = match owner {
            Some(owner) => self.absolute(&owner, record_type),
            None => self.owner.clone().ok_or_else(|| fault("a record without an owner"))?,
        };
        self.owner = Some(name.clone());
        let value = self.value(record_type, value);
        let record = ZoneRecord::new(&name, &kind, ttl, &value);
        match record.data {
            Err(Unreadable::Type) => Err(unread(format!("{} {name}: no reader for this form of the type", record.kind))),
            Err(Unreadable::Value) => {
                let what = format!("{} {name}: the value is none of its type", record.kind);
                self.file.records.push(record);
                Err(fault(what))
            }
            Ok(_) => {
                self.file.records.push(record);
                Ok(())
            }
        }
    }

    /// Time to live and class, in either order, each optional.
    fn ttl_and_class<'w>(&self, mut words: &'w [String]) -> (u32, &'w [String]) {
        let mut ttl = self.ttl.unwrap_or(0);
        for _ in 0..2 {
            let Some((first, rest)) = words.split_first() else { break };
            if matches!(first.to_ascii_uppercase().as_str(), "IN" | "CH" | "HS") {
                words = rest;
            } else if let Some(seconds) = seconds(first) {
                (ttl, words) = (seconds, rest);
            }
        }
        (ttl, words)
    }

    /// The owner's whole name. An SOA that repeats the origin without its dot means the origin.
    fn absolute(&self, owner: &str, kind: RecordType) -> String {
        let origin = self.origin.as_deref();
        let quirk = kind == RecordType::SOA && origin == Some(host(owner).as_str());
        if quirk { host(owner) } else { host(&qualified(owner, origin)) }
    }

    fn value(&self, kind: RecordType, words: &[String]) -> Vec<String> {
        let names = rdata::names(kind);
        let word = |(i, word): (usize, &String)| {
            if names.contains(&i) { qualified(word, self.origin.as_deref()) } else { word.clone() }
        };
        words.iter().enumerate().map(word).collect()
    }
}

/// A name with its closing dot. Without an origin every name is taken as whole: so Cloudflare means them.
pub(super) fn qualified(name: &str, origin: Option<&str>) -> String {
    match origin {
        Some(origin) if name == "@" => format!("{origin}."),
        Some(origin) if !name.ends_with('.') => format!("{name}.{origin}."),
        _ if name.ends_with('.') => name.to_owned(),
        _ => format!("{name}."),
    }
}

/// Seconds, also as `1h30m`.
fn seconds(text: &str) -> Option<u32> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (mut sum, mut number) = (0u32, None::<u32>);
    for c in text.chars() {
        let unit = match c.to_ascii_lowercase() {
            digit @ '0'..='9' => {
                number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit.to_digit(10)?)?);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    sum.checked_add(number.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPORT: &str = ";;\n;; Domain:     example.com.\n;; Exported:   2026-11-15 04:00:00\n;;\n;; SOA Record\n\
        example.com\t3600\tIN\tSOA\tns.ns.cloudflare.com. dns.cloudflare.com. 2050 10000 2400 604800 3600\n\n;; NS Records\n\
        example.com.\t86400\tIN\tNS\tns.ns.cloudflare.com.\n\n;; A Records\n\
        Example.com.\t1\tIN\tA\t192.0.2.1 ; cf_tags=cf-proxied:true\n;; TXT Records\n\
        example.com.\t300\tIN\tTXT\t\"v=spf1 include:_spf.example.net ~all\"\n";

    #[test]
    fn cloudflares_own_file_with_its_soa() {
        let file = read(EXPORT);
        assert_eq!((file.faults.len(), file.unread.len()), (0, 0), "{file:?}");
        assert_eq!(file.zone(), Some("example.com"));
        let named: Vec<_> = file.records.iter().map(|r| (r.kind.as_str(), r.name.as_str(), r.ttl)).collect();
        assert_eq!(
            named,
            [("SOA", "example.com", 3600), ("NS", "example.com", 86400), ("A", "example.com", 1), ("TXT", "example.com", 300)]
        );
    }

    #[test]
    fn origins_owners_and_times() {
        let file = read(
            "$ORIGIN example.com.\n$TTL 1h\nexample.com SOA ns dns 1 2 3 4 5\n@ IN NS ns\nwww 1h30m A 192.0.2.1\n IN 60 AAAA 2001:db8::1\nx.example.net. CNAME www\n",
        );
        assert_eq!(file.faults, Vec::<String>::new());
        let named: Vec<_> = file.records.iter().map(|r| (r.name.as_str(), r.ttl)).collect();
        assert_eq!(
            named,
            [
                ("example.com", 3600),
                ("example.com", 3600),
                ("www.example.com", 5400),
                ("www.example.com", 60),
                ("x.example.net", 3600)
            ]
        );
        let target = file.of("CNAME").next().expect("cname");
        assert_eq!(target.content, "www.example.com.");
    }

    #[test]
    fn one_bad_line_takes_no_other_with_it() {
        let file = read(
            "$INCLUDE /etc/passwd\n$GENERATE 1-3 a$ A 192.0.2.$\na. 1 IN A 300.1.1.1\nb. 1 IN APL x\nc. 1 IN A 192.0.2.1\n<html>\nd. 1 IN TXT \"cut",
        );
        assert_eq!(file.of("A").filter(|r| r.data.is_ok()).count(), 1);
        assert_eq!(
            file.unread,
            ["line 1: $INCLUDE is not followed", "line 2: $GENERATE is not expanded", "line 4: the type APL is not known here"]
        );
        assert_eq!(
            file.faults,
            [
                "line 3: A a: the value is none of its type",
                "line 6: a line without a record type",
                "line 7: a quote or a parenthesis is never closed: the file is cut or damaged"
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s)([a-z.@]{0,5}[ \t]([0-9]{1,4} )?(IN )?(A|TXT|MX|SOA|LOC|CAA|HTTPS|SRV|NAPTR|DS|TLSA|URI|CERT|SSHFP) .{0,30}\n){0,5}") {
            let _ = read(&text);
        }
    }
}
