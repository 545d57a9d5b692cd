//! The restore: the BIND file is loaded into an authoritative name server in this process, and every record that the API listed is
//! asked for over DNS. That is what an emergency would do with the file.

use super::ask::Asker;
use super::bind::ZoneFile;
use super::lint::is_within;
use super::rdata::Unreadable;
use super::record::{Identity, ZoneRecord};
use crate::error::{Error, Result};
use hickory_proto::rr::{Name, Record};
use hickory_server::Server;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, UdpSocket};

/// A connection that asks nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(30);
/// Answers that wait to be read on one TCP connection.
const WAITING: usize = 32;

/// What came of serving a zone.
#[derive(Debug, Default)]
pub(super) struct Served {
    /// Records of the file that the server would not take.
    pub refused: Vec<String>,
    /// Listed records that were not answered as they are listed.
    pub unanswered: Vec<String>,
    /// Listed records that cannot be asked for here: their type has no reader, or Cloudflare alone can serve them.
    pub unasked: Vec<String>,
    /// Everything that the server answered, or holds for a part of the zone that it delegates.
    pub answered: BTreeSet<Identity>,
    /// Questions that were asked, over UDP and over TCP.
    pub questions: usize,
}

/// Loads the file and asks for every record: those of the file and those that were listed.
///
/// # Errors
/// Backup: no server would load the file. Harness: the server cannot be started or does not answer.
pub(super) async fn serve(zone: &str, file: &ZoneFile, listed: &[ZoneRecord]) -> Result<Served> {
    let (handler, refused) = load(zone, file)?;
    let origin = absolute(zone).ok_or_else(|| Error::backup(format!("{zone} is no zone's name")))?;
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![Arc::new(handler)]);
    let mut server = Server::new(catalog);
    let cannot = |e: std::io::Error| Error::harness(format!("cannot start the name server of the test: {e}"));
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot)?;
    let (by_udp, by_tcp) = (udp.local_addr().map_err(cannot)?, tcp.local_addr().map_err(cannot)?);
    server.register_socket(udp);
    server.register_listener(tcp, IDLE, WAITING);
    let mut asker = Asker::connect(by_udp, by_tcp).await?;
    let answers = ask_all(&mut asker, zone, file, listed).await.map(|served| Served { refused, ..served });
    // It stops when it is dropped; this only lets it close its sockets in peace.
    let _ = tokio::time::timeout(Duration::from_secs(1), server.shutdown_gracefully()).await;
    answers
}

/// The server's zone, and the records that it does not take.
fn load(zone: &str, file: &ZoneFile) -> Result<(InMemoryZoneHandler, Vec<String>)> {
    let hint = "A name server needs exactly one SOA and at least one NS record at the zone's own name.";
    match file.of("SOA").count() {
        1 => {}
        0 => return Err(Error::backup("the zone file has no SOA record: no name server loads it").hint(hint)),
        count => return Err(Error::backup(format!("the zone file has {count} SOA records: no name server loads it")).hint(hint)),
    }
    if !file.of("NS").any(|record| record.name == zone) {
        return Err(Error::backup("the zone file has no NS record for the zone itself: no name server loads it").hint(hint));
    }
    let origin = absolute(zone).ok_or_else(|| Error::backup(format!("{zone} is no zone's name")))?;
    let mut handler = InMemoryZoneHandler::empty(origin, ZoneType::Primary, AxfrPolicy::Deny);
    let (mut refused, mut seen) = (Vec::new(), BTreeSet::new());
    // The SOA first: a zone has none of its own before.
    let (soa, others): (Vec<_>, Vec<_>) = file.records.iter().partition(|record| record.kind == "SOA");
    for record in soa.into_iter().chain(others) {
        if seen.insert(record.identity()) && !is_flattened(record, zone) && !take(&mut handler, zone, record) {
            refused.push(record.label());
        }
    }
    Ok((handler, refused))
}

fn take(handler: &mut InMemoryZoneHandler, zone: &str, record: &ZoneRecord) -> bool {
    let (Some(name), Ok(data)) = (absolute(&record.name), &record.data) else { return false };
    is_within(&record.name, zone) && handler.upsert_mut(Record::from_rdata(name, record.ttl, data.clone()), 0)
}

/// A CNAME at the zone's own name: Cloudflare answers with what it leads to; no other server can hold it beside the SOA.
fn is_flattened(record: &ZoneRecord, zone: &str) -> bool {
    record.kind == "CNAME" && record.name == zone
}

pub(super) fn absolute(name: &str) -> Option<Name> {
    Name::from_ascii(format!("{name}.")).ok()
}

async fn ask_all(asker: &mut Asker, zone: &str, file: &ZoneFile, listed: &[ZoneRecord]) -> Result<Served> {
    let cuts: BTreeSet<&str> = file.of("NS").map(|record| record.name.as_str()).filter(|name| *name != zone).collect();
    let (delegated, own): (Vec<_>, Vec<_>) = file.records.iter().partition(|record| is_delegated(record, zone, &cuts));
    // For these an ordinary server refers to another one; it holds them as glue at most.
    let mut answered: BTreeSet<Identity> = delegated.into_iter().map(ZoneRecord::identity).collect();
    let all = own.into_iter().chain(listed.iter().filter(|record| !is_delegated(record, zone, &cuts)));
    let questions: BTreeSet<_> = all.filter(|r| r.data.is_ok()).map(|r| (r.name.as_str(), r.kind.as_str())).collect();
    for (name, kind) in questions {
        answered.extend(asker.ask(name, kind).await?);
    }
    let mut served = Served { questions: asker.asked(), ..Served::default() };
    for record in listed {
        if record.data == Err(Unreadable::Type) || is_flattened(record, zone) {
            served.unasked.push(record.label());
        } else if !answered.contains(&record.identity()) {
            served.unanswered.push(record.label());
        }
    }
    served.answered = answered;
    Ok(served)
}

/// Whether a record lies in a part of the zone that other servers answer for: below a delegation, or at it without being part of it.
fn is_delegated(record: &ZoneRecord, zone: &str, cuts: &BTreeSet<&str>) -> bool {
    let at_cut = cuts.contains(record.name.as_str()) && !matches!(record.kind.as_str(), "NS" | "DS");
    let mut above = record.name.as_str();
    while let Some((_, rest)) = above.split_once('.').filter(|(_, rest)| is_within(rest, zone)) {
        if cuts.contains(rest) {
            return true;
        }
        above = rest;
    }
    at_cut
}

#[cfg(test)]
mod tests {
    use super::super::{api, bind};
    use super::*;
    use crate::error::Blame;

    const HEAD: &str =
        "example.com 3600 IN SOA ns.example.net. dns.example.net. 1 2 3 4 5\nexample.com. 1 IN NS ns.example.net.\n";

    async fn served(file: &str, listed: &str) -> Result<Served> {
        let listed = api::listing(listed.as_bytes()).expect("listing").records;
        serve("example.com", &bind::read(file), &listed).await
    }

    fn json(name: &str, kind: &str, content: &str) -> String {
        serde_json::json!({"type": kind, "name": name, "content": content, "priority": 10}).to_string()
    }

    #[tokio::test]
    async fn every_type_is_answered_as_it_was_exported() {
        let long = "k=rsa; ".repeat(60);
        let records = [
            ("a.example.com", "A", "192.0.2.1", "192.0.2.1"),
            ("*.w.example.com", "AAAA", "2001:db8::1", "2001:DB8:0::1"),
            ("_x.example.com", "TXT", long.as_str(), ""),
            ("example.com", "CAA", "0 issue \"ca.example\"", "0 issue \"ca.example\""),
            ("example.com", "MX", "mx.example.net", "10 MX.example.net."),
            ("c.example.com", "CNAME", "a.example.com", "a.example.com."),
            ("s.example.com", "DS", "12345 13 2 AABB", "12345 13 2 aa bb"),
            ("s.example.com", "NS", "ns.example.net", "ns.example.net."),
            ("x.s.example.com", "A", "192.0.2.9", "192.0.2.9"),
            ("l.example.com", "LOC", "1 N 2 E 3m", "1 0 0 N 2 0 0.000 E 3.00m 1m 10000m 10m"),
            ("u.example.com", "URI", "1 \"https://example.net/\"", "10 1 \"https://example.net/\""),
            ("h.example.com", "HTTPS", "1 . alpn=\"h2,h3\"", "1 . alpn=h2,h3"),
            ("t.example.com", "TLSA", "3 1 1 aabb", "3 1 1 AABB"),
            ("k.example.com", "DNSKEY", "257 3 13 AQIDBA==", "257 3 13 AQID BA=="),
            ("n.example.com", "NAPTR", "1 2 \"S\" \"SIP+D2U\" \"\" a.example.com", "1 2 \"S\" \"SIP+D2U\" \"\" a.example.com."),
        ];
        let listed: Vec<String> = records.iter().map(|(name, kind, content, _)| json(name, kind, content)).collect();
        let lines = records.iter().map(|(name, kind, content, text)| match *kind {
            "TXT" => format!("{name}. 1 IN TXT \"{}\" \"{}\"\n", &content[..200], &content[200..]),
            _ => format!("{name}. 1 IN {kind} {text} ; cf_tags=cf-proxied:false\n"),
        });
        let served = served(&format!("{HEAD}{}", lines.collect::<String>()), &listed.join("\n")).await.expect("served");
        let none = Vec::<String>::new();
        assert_eq!((&served.refused, &served.unanswered, &served.unasked), (&none, &none, &none));
        // All but the one that is delegated, and SOA and NS.
        assert_eq!(served.questions, 2 * (records.len() + 1));
        assert_eq!(served.answered.len(), records.len() + 2);
    }

    #[tokio::test]
    async fn what_the_file_lacks_changes_or_says_twice_is_named() {
        let listed = [json("a.example.com", "A", "192.0.2.1"), json("b.example.com", "A", "192.0.2.2")].join("\n");
        let file = format!("{HEAD}a.example.com. 1 IN A 192.0.2.7\nb.example.com. 1 A 192.0.2.2\nb.example.com. 1 A 192.0.2.2\n");
        let served = served(&file, &listed).await.expect("served");
        assert_eq!((served.refused, served.unanswered), (vec![], vec!["A a.example.com 192.0.2.1".to_owned()]));
    }

    #[tokio::test]
    async fn what_the_server_refuses_is_named() {
        let more = "c.example.com. 1 IN CNAME x.\nc.example.com. 1 IN A 192.0.2.1\nb.example.net. 1 IN A 192.0.2.1\nd.example.com. 1 IN A 1.2.3\n";
        let served = served(&format!("{HEAD}{more}"), "[]").await.expect("served");
        assert_eq!(served.refused, ["A c.example.com 192.0.2.1", "A b.example.net 192.0.2.1", "A d.example.com 1.2.3"]);
    }

    #[tokio::test]
    async fn a_file_without_soa_or_ns_is_loaded_by_nobody() {
        let soa = HEAD.lines().next().expect("soa");
        for (file, words) in [
            ("a.example.com. 1 IN A 192.0.2.1".to_owned(), "no SOA"),
            (format!("{HEAD}{soa}"), "2 SOA"),
            (soa.to_owned(), "no NS"),
        ] {
            let error = served(&file, "[]").await.expect_err(words);
            assert!(error.blame == Blame::Backup && error.message.contains(words), "{error}");
        }
    }
}
