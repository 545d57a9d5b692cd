//! What an export and its restore came to, as outcomes. Pure.

use super::census::{by_type, census};
use super::export::Export;
use super::lint;
use super::rdata::Unreadable;
use super::record::{Identity, ZoneRecord};
use super::serve::Served;
use crate::census::Vantage;
use crate::check::{Outcome, Status};
use crate::units::grouped;
use std::collections::BTreeMap;

/// So many names are listed as evidence; the count tells the rest.
const NAMED: usize = 50;

/// What the stored files say of themselves and of each other.
pub(super) fn export(export: &Export) -> Vec<Outcome> {
    vec![complete(export), agrees(export), pitfalls(export)]
}

fn complete(export: &Export) -> Outcome {
    const NAME: &str = "export complete";
    let listing = &export.listing;
    let saved = listing.records.len() as u64;
    if let Some(total) = listing.total.filter(|total| *total != saved) {
        let message = format!("the API had {total} records and {saved} were saved");
        let hint = "A listing comes in pages: let the job that makes it ask for all of them.";
        return Outcome::new(NAME, Status::Fail, message).values(saved.to_string(), total.to_string()).hint(hint);
    }
    if listing.strange > 0 {
        let message = format!("{} entries of all_records.json are no records", listing.strange);
        return Outcome::new(NAME, Status::Fail, message);
    }
    let census = census(Vantage::Artifact, &listing.records);
    let (records, settings) = (grouped(saved), export.settings.len());
    let settings = if settings == 0 { String::new() } else { format!(", {settings} settings") };
    Outcome::new(NAME, Status::Pass, format!("{}: {records} records ({}){settings}", export.zone, by_type(&census)))
}

/// The two forms of the same zone, compared record by record. SOA and the zone's own NS are Cloudflare's: only the file has them.
fn agrees(export: &Export) -> Outcome {
    const NAME: &str = "zone file agrees";
    let Export { listing, file, zone, .. } = export;
    let listed = comparable(&listing.records);
    let filed = comparable(&file.records);
    let missing =
        listed.iter().filter(|(identity, _)| !filed.contains_key(*identity)).map(|(_, r)| format!("only listed: {}", r.label()));
    let extra = filed.iter().filter(|(identity, record)| !listed.contains_key(*identity) && !is_own(record, zone));
    let extra = extra.map(|(_, r)| format!("only in the zone file: {}", r.label()));
    let lines: Vec<String> = file.faults.iter().cloned().chain(missing).chain(extra).collect();
    if !lines.is_empty() {
        let message = format!("all_records.json and zone-export.txt differ in {} places", lines.len());
        let hint = "One of them was cut, or they were made at different times.";
        return Outcome::new(NAME, Status::Fail, message).hint(hint).evidence(named(lines));
    }
    if !file.unread.is_empty() {
        let message =
            format!("{} lines of zone-export.txt cannot be read here: they are not restorable by this parser", file.unread.len());
        let hint = "The backup is not blamed for them. Try them with the name server that an emergency would use.";
        return Outcome::new(NAME, Status::Warn, message).hint(hint).evidence(named(file.unread.clone()));
    }
    let slow = listed.iter().filter(|(identity, record)| filed.get(*identity).is_some_and(|other| other.ttl != record.ttl));
    let slow: Vec<String> = slow.map(|(_, record)| record.label()).collect();
    if !slow.is_empty() {
        let message = format!("{} records have another time to live in zone-export.txt than in all_records.json", slow.len());
        return Outcome::new(NAME, Status::Warn, message).evidence(named(slow));
    }
    Outcome::new(NAME, Status::Pass, format!("zone-export.txt holds the same {} records", grouped(listed.len() as u64)))
}

fn comparable(records: &[ZoneRecord]) -> BTreeMap<Identity, &ZoneRecord> {
    let readable = records.iter().filter(|record| record.data != Err(Unreadable::Type));
    readable.map(|record| (record.identity(), record)).collect()
}

/// SOA and the zone's own name servers: the API does not list them.
pub(super) fn is_own(record: &ZoneRecord, zone: &str) -> bool {
    record.kind == "SOA" || record.kind == "NS" && record.name == zone
}

fn pitfalls(export: &Export) -> Outcome {
    const NAME: &str = "zone lint";
    let lines = lint::lint(&export.zone, &export.listing.records);
    let automatic = lint::automatic(&export.listing.records);
    let note = (automatic > 0).then(|| {
        format!("{automatic} records have the time to live 1: Cloudflare means \"automatic\", other servers one second.")
    });
    let outcome = if lines.is_empty() {
        Outcome::new(NAME, Status::Pass, "nothing that another name server would trip over")
    } else {
        let message = format!("{} things that another name server would trip over", lines.len());
        Outcome::new(NAME, Status::Warn, message).evidence(named(lines))
    };
    match note {
        Some(note) => outcome.hint(format!("{note} Replace it before the file is used elsewhere.")),
        None => outcome,
    }
}

/// What the name server made of the file.
pub(super) fn served(served: &Served, listed: usize) -> Outcome {
    const NAME: &str = "zone served";
    let refused = served.refused.iter().map(|label| format!("refused by the name server: {label}"));
    let unanswered = served.unanswered.iter().map(|label| format!("not answered as exported: {label}"));
    let lines: Vec<String> = refused.chain(unanswered).collect();
    let answered = listed - served.unanswered.len() - served.unasked.len();
    let asked = listed - served.unasked.len();
    if !lines.is_empty() {
        let message = if served.unanswered.is_empty() {
            format!("the name server refused {} records", served.refused.len())
        } else {
            format!("{answered} of {asked} records are answered as they were exported")
        };
        return Outcome::new(NAME, Status::Fail, message).values(answered.to_string(), asked.to_string()).evidence(named(lines));
    }
    if !served.unasked.is_empty() {
        let message = format!("{answered} records answered as exported; {} cannot be served here", served.unasked.len());
        return Outcome::new(NAME, Status::Warn, message).evidence(named(served.unasked.clone()));
    }
    let message =
        format!("{} records answered as exported, over UDP and TCP ({} questions)", grouped(answered as u64), served.questions);
    Outcome::new(NAME, Status::Pass, message)
}

fn named(mut lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(NAMED);
    lines.truncate(NAMED);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::super::export::read;
    use super::super::export::tests::{FILE, RECORD, tar};
    use super::*;

    fn judged(records: &str, file: &str) -> Vec<Outcome> {
        let files = [("all_records.json", records), ("zone_settings.json", "[{\"id\":\"ssl\"}]"), ("zone-export.txt", file)];
        super::export(&read(tar(&files).as_slice(), None).expect("export"))
    }

    #[test]
    fn a_whole_export_passes_and_says_what_it_holds() {
        let outcomes = judged(&format!("[{RECORD}]"), FILE);
        assert!(outcomes.iter().all(|o| o.status == Status::Pass), "{outcomes:?}");
        assert_eq!(outcomes[0].message, "example.com: 1 records (A 1), 1 settings");
    }

    #[test]
    fn the_first_page_only_is_no_backup() {
        let page = |total| format!("{{\"success\":true,\"result\":[{RECORD}],\"result_info\":{{\"total_count\":{total}}}}}");
        assert_eq!(judged(&page(1), FILE)[0].status, Status::Pass);
        let outcome = &judged(&page(143), FILE)[0];
        assert_eq!((outcome.status, outcome.message.as_str()), (Status::Fail, "the API had 143 records and 1 were saved"));
        assert_eq!(judged(&format!("[{RECORD},{{\"id\":1}}]"), FILE)[0].status, Status::Fail);
    }

    #[test]
    fn two_forms_that_disagree_are_named_record_by_record() {
        let record = r#"{"type":"A","name":"b.example.com","content":"192.0.2.2","ttl":300}"#;
        let outcome = judged(&format!("[{RECORD},{record}]"), &format!("{FILE}c.example.com. 300 IN A 192.0.2.3\n")).remove(1);
        assert_eq!(
            (outcome.status, outcome.message.as_str()),
            (Status::Fail, "all_records.json and zone-export.txt differ in 2 places")
        );
        assert_eq!(
            outcome.evidence,
            ["only listed: A b.example.com 192.0.2.2", "only in the zone file: A c.example.com 192.0.2.3"]
        );
    }

    #[test]
    fn what_a_parser_cannot_read_and_another_time_to_live_only_warn() {
        let file = format!("{FILE}x.example.com.\t300\tIN\tAPL\t1:192.0.2.0/24\n");
        let outcome = judged(&format!("[{RECORD}]"), &file).remove(1);
        assert_eq!(
            (outcome.status, outcome.evidence.as_slice()),
            (Status::Warn, ["line 4: the type APL is not known here".to_owned()].as_slice())
        );
        let outcome = judged(&format!("[{RECORD}]"), &FILE.replace("300", "60")).remove(1);
        assert_eq!(outcome.status, Status::Warn);
        assert_eq!(judged(&format!("[{RECORD}]"), &format!("{FILE}x.example.com. 1 IN A 1.2\n"))[1].status, Status::Fail);
    }
}
