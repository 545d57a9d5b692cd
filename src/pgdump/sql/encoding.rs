//! The encodings that a script can be written in, as far as they change how it is read.

/// A client encoding of `PostgreSQL` (its manual, "Character Set Support").
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encoding {
    /// The script has not said.
    #[default]
    Unknown,
    /// `UTF8`
    Utf8,
    /// Every byte is the character of the same number.
    Latin1,
    /// One in which no ASCII byte is part of another character.
    Other,
    /// The second byte of a character may be an ASCII one, even a backslash.
    Embedding,
    /// Likewise, but some bytes with the high bit are characters of their own: the half-width katakana.
    Sjis,
}

/// The names of the encodings that only clients can use, because their characters contain ASCII bytes (`pg_wchar.h`,
/// `encnames.c`): without case, spaces and punctuation, as the server compares them.
const EMBEDDING: &[&str] =
    &["big5", "win950", "windows950", "gbk", "win936", "windows936", "uhc", "win949", "windows949", "gb18030", "johab"];
const SJIS: &[&str] = &["sjis", "mskanji", "shiftjis", "win932", "windows932", "shiftjis2004"];

impl Encoding {
    /// The encoding of this name, spelled in any way that the server takes.
    #[must_use]
    pub fn named(name: &[u8]) -> Self {
        let plain: Vec<u8> = name.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        let plain = String::from_utf8(plain).unwrap_or_default();
        match plain.as_str() {
            "" | "default" => Self::Unknown,
            "utf8" | "unicode" => Self::Utf8,
            "latin1" | "iso88591" => Self::Latin1,
            name if SJIS.contains(&name) => Self::Sjis,
            name if EMBEDDING.contains(&name) => Self::Embedding,
            _ => Self::Other,
        }
    }

    /// Whether the byte behind this one belongs to the same character, whatever it looks like.
    #[must_use]
    pub const fn takes_next(self, byte: u8) -> bool {
        match self {
            Self::Embedding => byte >= 0x80,
            Self::Sjis => matches!(byte, 0x80..=0xa0 | 0xe0..=0xff),
            Self::Unknown | Self::Utf8 | Self::Latin1 | Self::Other => false,
        }
    }

    /// Whether a backslash or a letter can be the second byte of a character.
    #[must_use]
    pub const fn embeds_ascii(self) -> bool {
        matches!(self, Self::Embedding | Self::Sjis)
    }

    /// A name as text. What cannot be converted here is shown as a replacement character.
    #[must_use]
    pub fn decode(self, name: &[u8]) -> String {
        match self {
            Self::Latin1 => name.iter().map(|byte| char::from(*byte)).collect(),
            _ => String::from_utf8_lossy(name).into_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_has_many_names() {
        for (name, encoding) in [
            ("UTF8", Encoding::Utf8),
            ("utf-8", Encoding::Utf8),
            ("SHIFT_JIS_2004", Encoding::Sjis),
            ("Windows-936", Encoding::Embedding),
            ("ISO 8859-1", Encoding::Latin1),
            ("SQL_ASCII", Encoding::Other),
            ("EUC_JP", Encoding::Other),
            ("DEFAULT", Encoding::Unknown),
        ] {
            assert_eq!(Encoding::named(name.as_bytes()), encoding, "{name}");
        }
        assert_eq!(Encoding::Latin1.decode(b"\xdcber"), "Über");
    }
}
