//! `openssl enc -a`: base64 in lines of 64, or in one.

use crate::error::Error;
use openssl::base64::decode_block;
use std::io::{self, Read};

/// The bytes behind the text.
pub(super) struct Base64<R> {
    input: R,
    text: Vec<u8>,
    decoded: Vec<u8>,
    given: usize,
    padded: bool,
}

impl<R: Read> Base64<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, text: Vec::new(), decoded: Vec::new(), given: 0, padded: false }
    }

    /// Decodes the next piece; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 << 10];
        let n = self.input.read(&mut piece)?;
        if n == 0 {
            let cut = || Error::backup("the base64 text is cut short");
            return if self.text.is_empty() { Ok(false) } else { Err(cut().into()) };
        }
        self.text.extend(piece[..n].iter().filter(|byte| !byte.is_ascii_whitespace()));
        let whole = self.text.len() / 4 * 4;
        let quads: Vec<u8> = self.text.drain(..whole).collect();
        self.decode(&quads)?;
        Ok(true)
    }

    /// `=` stands at the very end or nowhere.
    fn decode(&mut self, quads: &[u8]) -> io::Result<()> {
        let damaged = || Error::backup("the base64 text is damaged");
        let body = quads.strip_suffix(b"==").or_else(|| quads.strip_suffix(b"=")).unwrap_or(quads);
        if body.contains(&b'=') || (self.padded && !quads.is_empty()) {
            return Err(damaged().into());
        }
        self.padded = body.len() < quads.len();
        let text = std::str::from_utf8(quads).map_err(|_| damaged())?;
        self.decoded = decode_block(text).map_err(|_| damaged())?;
        self.given = 0;
        Ok(())
    }
}

impl<R: Read> Read for Base64<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        while self.given == self.decoded.len() {
            if !self.advance()? {
                return Ok(0);
            }
        }
        let rest = &self.decoded[self.given..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.given += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;
    use openssl::base64::encode_block;
    use proptest::prelude::*;

    fn decoded(text: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Base64::new(text.as_bytes()).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_length_comes_back_in_lines_of_any_width(size in 0usize..60_000, width in 1usize..100) {
            let bytes = noise(size);
            let text = encode_block(&bytes);
            let lines: Vec<_> = text.as_bytes().chunks(width).map(|l| std::str::from_utf8(l).expect("text")).collect();
            prop_assert_eq!(decoded(&lines.join("\r\n")).expect("decode"), bytes);
        }
    }

    #[test]
    fn what_is_no_base64_is_damaged() {
        for text in ["QUJD!UJD", "QU=D", "QUI=QUJD", "Q===", "QUJDQ"] {
            assert!(decoded(text).is_err(), "{text}");
        }
    }
}
