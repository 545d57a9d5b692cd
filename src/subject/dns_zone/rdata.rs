//! A record's value, from text to what goes over the wire. hickory-proto reads most types; the others of those that Cloudflare can
//! export (DS, DNSKEY, URI, LOC, TXT with its limits, RFC 3597) are read here, because its parser refuses them or takes what no
//! server can send.

use super::lexer::unescape;
use super::loc;
use hickory_proto::rr::rdata::{NULL, TXT};
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::BinEncodable;

/// Why a value is not on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// No reader for this type: nothing is said about the record.
    Type,
    /// It is no value of its type: no name server will take it.
    Value,
}

/// The longest piece of a TXT record, in bytes (RFC 1035, section 3.3).
const LONGEST_STRING: usize = 255;

/// The type of this name: `A`, `LOC`, `TYPE65280`.
///
/// # Errors
/// [`Unreadable::Type`]: nobody here knows it.
pub(super) fn kind(name: &str) -> Result<RecordType, Unreadable> {
    let code = match name {
        "LOC" => 29,
        "SPF" => 99,
        "URI" => 256,
        _ => match name.strip_prefix("TYPE").map(str::parse) {
            Some(Ok(code)) => code,
            // A name that hickory knows but has no data for still has its own type here.
            _ => return name.parse().map_err(|_| Unreadable::Type),
        },
    };
    Ok(RecordType::from(code))
}

/// Which words of a type's value are domain names.
pub(super) fn names(kind: RecordType) -> &'static [usize] {
    match kind {
        RecordType::CNAME | RecordType::NS | RecordType::PTR => &[0],
        RecordType::MX | RecordType::HTTPS | RecordType::SVCB => &[1],
        RecordType::SOA => &[0, 1],
        RecordType::SRV => &[3],
        RecordType::NAPTR => &[5],
        _ => &[],
    }
}

/// The value of these words. Domain names in them are absolute.
///
/// # Errors
/// See [`Unreadable`].
pub(super) fn parse(kind: RecordType, words: &[String]) -> Result<RData, Unreadable> {
    let unknown = |bytes: Option<Vec<u8>>| {
        let rdata = bytes.map(NULL::with).ok_or(Unreadable::Value)?;
        Ok(RData::Unknown { code: kind, rdata })
    };
    if words.first().is_some_and(|word| word == "\\#") {
        // The server compares and sends it as bytes; a type that hickory has a form for is brought into it by the wire.
        return unknown(generic(&words[1..]));
    }
    match kind {
        RecordType::TXT => text(words).ok_or(Unreadable::Value),
        RecordType::DS | RecordType::CDS => unknown(digest(words)),
        RecordType::DNSKEY | RecordType::CDNSKEY => unknown(key(words)),
        RecordType::Unknown(29) => unknown(loc::parse(words)),
        RecordType::Unknown(256) => unknown(uri(words)),
        RecordType::Unknown(99) => unknown(text(words).and_then(|txt| wire(&txt))),
        RecordType::Unknown(_) | RecordType::DNAME | RecordType::KEY | RecordType::NSEC | RecordType::RRSIG => {
            Err(Unreadable::Type)
        }
        // Its messages quote the value, so none of them goes on.
        _ => RData::try_from_str(kind, &words.join(" ")).map_err(|_| Unreadable::Value),
    }
}

/// As it goes over the wire, without compression; `None` when it cannot.
pub(super) fn wire(data: &RData) -> Option<Vec<u8>> {
    data.to_bytes().ok()
}

/// `\# LENGTH HEX...` (RFC 3597, section 5).
fn generic(words: &[String]) -> Option<Vec<u8>> {
    let (length, digits) = words.split_first()?;
    let bytes = hex(digits)?;
    (length.parse() == Ok(bytes.len())).then_some(bytes)
}

fn text(words: &[String]) -> Option<RData> {
    let strings: Vec<Vec<u8>> = words.iter().map(|word| unescape(word)).collect();
    let legal = !strings.is_empty() && strings.iter().all(|s| s.len() <= LONGEST_STRING);
    legal.then(|| RData::TXT(TXT::from_bytes(strings.iter().map(Vec::as_slice).collect())))
}

/// `KEY_TAG ALGORITHM DIGEST_TYPE HEX` (RFC 4034, section 5.3).
fn digest(words: &[String]) -> Option<Vec<u8>> {
    let [tag, algorithm, kind, digest @ ..] = words else { return None };
    let mut bytes = tag.parse::<u16>().ok()?.to_be_bytes().to_vec();
    bytes.extend([algorithm.parse::<u8>().ok()?, kind.parse::<u8>().ok()?]);
    let digest = hex(digest).filter(|digest| !digest.is_empty())?;
    Some([bytes, digest].concat())
}

/// `FLAGS PROTOCOL ALGORITHM BASE64` (RFC 4034, section 2.2).
fn key(words: &[String]) -> Option<Vec<u8>> {
    let [flags, protocol, algorithm, key @ ..] = words else { return None };
    let mut bytes = flags.parse::<u16>().ok()?.to_be_bytes().to_vec();
    bytes.extend([protocol.parse::<u8>().ok()?, algorithm.parse::<u8>().ok()?]);
    let key = openssl::base64::decode_block(&key.concat()).ok().filter(|key| !key.is_empty())?;
    Some([bytes, key].concat())
}

/// `PRIORITY WEIGHT "TARGET"` (RFC 7553, section 4.5).
fn uri(words: &[String]) -> Option<Vec<u8>> {
    let [priority, weight, target] = words else { return None };
    let mut bytes = priority.parse::<u16>().ok()?.to_be_bytes().to_vec();
    bytes.extend(weight.parse::<u16>().ok()?.to_be_bytes());
    let target = unescape(target);
    (!target.is_empty()).then(|| [bytes, target].concat())
}

fn hex(words: &[String]) -> Option<Vec<u8>> {
    let digits = words.concat();
    if !digits.is_ascii() || digits.len() % 2 != 0 {
        return None;
    }
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    pub fn value(kind_name: &str, text: &str) -> Result<Vec<u8>, Unreadable> {
        let line = super::super::lexer::lines(text).remove(0);
        parse(kind(kind_name)?, &line.words).and_then(|data| wire(&data).ok_or(Unreadable::Value))
    }

    #[test]
    fn every_type_that_cloudflare_exports_is_read() {
        for (kind, text, length) in [
            ("A", "192.0.2.1", 4),
            ("AAAA", "2001:db8::1", 16),
            ("CAA", "0 issue \"letsencrypt.org\"", 2 + 5 + 15),
            ("CERT", "1 12345 8 AQIDBA==", 5 + 4),
            ("CNAME", "www.example.net.", 17),
            ("DNSKEY", "257 3 13 AQID BA==", 4 + 4),
            ("DS", "12345 13 2 0011AABB 22", 4 + 5),
            ("HTTPS", "1 . alpn=h2,h3", 2 + 1 + 4 + 6),
            ("LOC", "51 30 12.748 N 0 7 39.611 W 0.00m 1.00m 10000.00m 10.00m", 16),
            ("MX", "10 mx.example.net.", 2 + 16),
            ("NAPTR", "100 10 \"S\" \"SIP+D2U\" \"\" _sip._udp.example.com.", 4 + 2 + 8 + 1 + 23),
            ("NS", "ns1.example.net.", 17),
            ("OPENPGPKEY", "AQIDBA==", 4),
            ("PTR", "host.example.net.", 18),
            ("SMIMEA", "3 0 0 AABB", 5),
            ("SRV", "10 20 5060 sip.example.com.", 6 + 17),
            ("SSHFP", "1 1 dd465c09cfa51fb45020cc83316fff21b9ec74ac", 22),
            ("SVCB", "1 svc.example.net.", 2 + 17),
            ("TLSA", "3 1 1 AABB", 5),
            ("TXT", "\"v=spf1 -all\" \"x\"", 12 + 2),
            ("URI", "10 1 \"https://example.net/\"", 4 + 20),
            ("TYPE65280", "\\# 2 aabb", 2),
        ] {
            assert_eq!(value(kind, text).map(|bytes| bytes.len()), Ok(length), "{kind}");
        }
    }

    #[test]
    fn what_no_server_takes_is_told_apart_from_what_nobody_reads() {
        let long = "x".repeat(256);
        for (kind, text, why) in [
            ("A", "192.0.2.256", Unreadable::Value),
            ("MX", "mail.example.net.", Unreadable::Value),
            ("TXT", long.as_str(), Unreadable::Value),
            ("DS", "1 13 2 0", Unreadable::Value),
            ("URI", "1 2 \"\"", Unreadable::Value),
            ("LOC", "91 0 0 N 0 0 0 E 0m", Unreadable::Value),
            ("TYPE65280", "\\# 3 aabb", Unreadable::Value),
            ("APL", "1:192.0.2.0/24", Unreadable::Type),
            ("TYPE65280", "aabb", Unreadable::Type),
        ] {
            assert_eq!(value(kind, text), Err(why), "{kind} {text}");
        }
    }
}
