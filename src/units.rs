//! Durations, sizes and percentages as people write them in scenario files: `26h`, `4GiB`, `5%`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Gives a unit type its serde and schema by its `FromStr` and `Display`.
macro_rules! text_form {
    ($type:ty, $name:literal, $pattern:literal, $description:literal) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "description": $description })
            }
        }
    };
}

/// A length of time: a number and `ms`, `s`, `m`, `h`, `d` or `w`, several in a row (`1h30m`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

text_form!(
    Span,
    "Duration",
    r"^([0-9]+(ms|s|m|h|d|w))+$",
    "A length of time: a number and ms, s, m, h, d or w, such as 90s, 26h, 1h30m, 2d"
);

const SPAN_UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration; write a number and a unit (ms, s, m, h, d, w), such as 26h or 1h30m");
        let mut rest = text.trim();
        let mut millis = 0u64;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let number: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let unit_len = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let (_, factor) = SPAN_UNITS.iter().find(|(unit, _)| *unit == &rest[..unit_len]).ok_or_else(wrong)?;
            let part = number.checked_mul(*factor).ok_or_else(wrong)?;
            millis = millis.checked_add(part).ok_or_else(wrong)?;
            rest = &rest[unit_len..];
        }
        Ok(Self(Duration::from_millis(millis)))
    }
}

/// At most two units, the largest that fit: `2d 3h`, `1m 5s`, `340 ms` becomes `340ms`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if (1000..10_000).contains(&millis) && !millis.is_multiple_of(1000) {
            return write!(f, "{}.{}s", millis / 1000, millis % 1000 / 100);
        }
        let mut written = 0;
        for (unit, factor) in SPAN_UNITS {
            let skip = unit == "w" || (unit == "ms" && written > 0);
            if millis >= factor && written < 2 && !skip {
                write!(f, "{}{unit}", millis / factor)?;
                millis %= factor;
                written += 1;
            } else if written > 0 {
                break;
            }
        }
        if written == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

impl From<Span> for Duration {
    fn from(span: Span) -> Self {
        span.0
    }
}

/// A number of bytes: a number and `B`, `kB`, `KiB`, `MB`, `MiB`, `GB`, `GiB`, `TB` or `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

text_form!(
    Bytes,
    "Size",
    r"^[0-9]+ ?(B|kB|KiB|MB|MiB|GB|GiB|TB|TiB)$",
    "A number of bytes with its unit: B, kB, KiB, MB, MiB, GB, GiB, TB or TiB, such as 4GiB"
);

const SIZE_UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a size; write a number and a unit (B, kB, KiB, MB, MiB, GB, GiB, TB, TiB), such as 4GiB");
        let text_trimmed = text.trim();
        let digits = text_trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let number: u64 = text_trimmed[..digits].parse().map_err(|_| wrong())?;
        let unit = text_trimmed[digits..].trim_start();
        let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        number.checked_mul(*factor).map(Self).ok_or_else(wrong)
    }
}

/// Binary units with one decimal: `1.5 GiB`, `812 B`.
impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, factor) = SIZE_UNITS
            .into_iter()
            .filter(|(unit, _)| unit.ends_with("iB"))
            .find(|(_, factor)| self.0 >= *factor)
            .unwrap_or(("B", 1));
        if factor == 1 || self.0.is_multiple_of(factor) {
            return write!(f, "{} {unit}", self.0 / factor);
        }
        #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
        let value = self.0 as f64 / factor as f64;
        write!(f, "{value:.1} {unit}")
    }
}

/// A share: `5%`, `0.5%`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Percent(pub f64);

text_form!(Percent, "Percent", r"^[0-9]+(\.[0-9]+)?%$", "A share, such as 5% or 0.5%");

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .strip_suffix('%')
            .and_then(|number| number.trim_end().parse().ok())
            .filter(|p: &f64| p.is_finite() && *p >= 0.0)
            .map(Self)
            .ok_or_else(|| format!("`{text}` is not a percentage; write it like 5% or 0.5%"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fract() == 0.0 { write!(f, "{}%", self.0) } else { write!(f, "{:.1}%", self.0) }
    }
}

/// A time in UTC as people read it: `2026-11-21 03:30:00 UTC`.
#[must_use]
pub fn utc(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A count with thin groups of three digits: `1 234 567`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

/// Bytes in hexadecimal, as digests are shown.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_and_show() {
        for (text, millis, shown) in [
            ("26h", 93_600_000, "1d2h"),
            ("1h30m", 5_400_000, "1h30m"),
            ("2d", 172_800_000, "2d"),
            ("500ms", 500, "500ms"),
            ("1w", 604_800_000, "7d"),
            ("0s", 0, "0s"),
            ("1500ms", 1500, "1.5s"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!(span.0.as_millis(), millis, "{text}");
            assert_eq!(span.to_string(), shown, "{text}");
        }
        for bad in ["", "26", "h", "2 days", "-1h", "1.5h", "1H", "99999999999999999w"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_read_and_show() {
        for (text, bytes, shown) in [
            ("4GiB", 4 << 30, "4 GiB"),
            ("1500 kB", 1_500_000, "1.4 MiB"),
            ("12B", 12, "12 B"),
            ("2TB", 2_000_000_000_000, "1.8 TiB"),
        ] {
            let size: Bytes = text.parse().expect(text);
            assert_eq!(size.0, bytes, "{text}");
            assert_eq!(size.to_string(), shown, "{text}");
        }
        for bad in ["", "4", "GiB", "4gb", "4.5GiB", "99999999TiB"] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn percentages_and_groups() {
        assert_eq!("5%".parse::<Percent>().expect("5%").to_string(), "5%");
        assert_eq!("0.5%".parse::<Percent>().expect("0.5%").to_string(), "0.5%");
        for bad in ["5", "-5%", "NaN%", "%"] {
            assert!(bad.parse::<Percent>().is_err(), "{bad}");
        }
        assert_eq!(grouped(1_234_567), "1 234 567");
        assert_eq!(grouped(999), "999");
    }
}
