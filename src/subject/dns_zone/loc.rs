//! Locations: `51 30 12.748 N 0 7 39.611 W 0.00m 1.00m 10000.00m 10.00m` (RFC 1876, sections 2 and 3).

/// Where latitude, longitude and altitude are zero on the wire.
const EQUATOR: i64 = 1 << 31;
const LOWEST: i64 = 10_000_000;
/// Size 1 m, horizontal precision 10 km, vertical precision 10 m, in centimetres.
const DEFAULTS: [u64; 3] = [100, 1_000_000, 1_000];

/// Its sixteen bytes; `None` when it is no location.
pub(super) fn parse(words: &[String]) -> Option<Vec<u8>> {
    let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
    let latitude = angle(&mut words, 90, ["N", "S"])?;
    let longitude = angle(&mut words, 180, ["E", "W"])?;
    let mut words = words.into_iter();
    let altitude = u32::try_from(centimetres(words.next()?)? + LOWEST).ok()?;
    let mut sizes = [0; 3];
    for (size, default) in sizes.iter_mut().zip(DEFAULTS) {
        *size = scaled(words.next().map_or(Some(default), |word| u64::try_from(centimetres(word)?).ok())?)?;
    }
    if words.next().is_some() {
        return None;
    }
    let [size, horizontal, vertical] = sizes;
    let mut bytes = vec![0, size, horizontal, vertical];
    for number in [latitude, longitude, altitude] {
        bytes.extend(number.to_be_bytes());
    }
    Some(bytes)
}

/// Degrees, minutes and seconds up to the letter, in thousandths of a second; they are taken away from the words.
fn angle(words: &mut Vec<&str>, most: i64, [plus, minus]: [&str; 2]) -> Option<u32> {
    let end = words.iter().position(|word| *word == plus || *word == minus).filter(|end| (1..=3).contains(end))?;
    let rest = words.split_off(end + 1);
    let taken = std::mem::replace(words, rest);
    let degrees: i64 = taken[0].parse().ok().filter(|d| (0..=most).contains(d))?;
    let minutes: i64 = if end > 1 { taken[1].parse().ok().filter(|m| (0..60).contains(m))? } else { 0 };
    let seconds = if end > 2 { thousandths(taken[2]).filter(|s| (0..60_000).contains(s))? } else { 0 };
    let all = (degrees * 60 + minutes) * 60_000 + seconds;
    if all > most * 3_600_000 {
        return None;
    }
    u32::try_from(EQUATOR + if taken[end] == plus { all } else { -all }).ok()
}

fn thousandths(text: &str) -> Option<i64> {
    decimal(text, 3)
}

fn centimetres(text: &str) -> Option<i64> {
    decimal(text.strip_suffix('m').unwrap_or(text), 2)
}

/// A decimal number times ten to the power of `places`, without a detour over floating point.
fn decimal(text: &str, places: usize) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    if part.len() > places || !format!("{whole}{part}").bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number: i64 = format!("{whole}{part:0<places$}").parse().ok()?;
    Some(if negative { -number } else { number })
}

/// One digit and a power of ten, each in four bits.
fn scaled(mut number: u64) -> Option<u8> {
    let mut power = 0;
    while number > 9 {
        number /= 10;
        power += 1;
    }
    (power <= 9).then_some(u8::try_from(number).ok()? << 4 | power)
}

#[cfg(test)]
mod tests {
    fn parse(text: &str) -> Option<Vec<u8>> {
        super::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    /// The place is one of the examples of RFC 1876.
    #[test]
    fn whole_short_and_southern_places() {
        let bytes = parse("42 21 54 N 71 06 18 W -24m 30m").expect("location");
        assert_eq!(bytes, [0, 0x33, 0x16, 0x13, 0x89, 0x17, 0x2d, 0xd0, 0x70, 0xbe, 0x15, 0xf0, 0x00, 0x98, 0x8d, 0x20]);
        assert!(parse("10 S 20 E 0").is_some());
        for wrong in
            ["", "N", "91 N 0 E 0m", "90 0 1 N 0 E 0m", "10 60 N 0 E 0m", "10 N 0 E", "10 N 0 E 0m 1m 1m 1m 1m", "10 N 0 E xm"]
        {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
