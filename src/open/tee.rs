//! One stream for two readers: what reads it, and whoever is handed every byte as it passes.

use std::io::{self, Read, Write};

/// Reads from one side and writes what was read to the other.
#[derive(Debug)]
pub struct Tee<R, W> {
    from: R,
    to: W,
}

impl<R: Read, W: Write> Tee<R, W> {
    /// Everything that is read from this was read from `from` and written to `to`.
    pub const fn new(from: R, to: W) -> Self {
        Self { from, to }
    }

    /// Hands over what its reader did not want any more, to the end.
    ///
    /// # Errors
    /// Those of both sides.
    pub fn drain(mut self) -> io::Result<()> {
        io::copy(&mut self.from, &mut self.to)?;
        self.to.flush()
    }
}

impl<R: Read, W: Write> Read for Tee<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.from.read(buf)?;
        self.to.write_all(buf.get(..n).unwrap_or_default())?;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_handed_over_whether_it_was_wanted_or_not() {
        let mut other = Vec::new();
        let mut tee = Tee::new(&b"a backup"[..], &mut other);
        let mut wanted = [0; 3];
        tee.read_exact(&mut wanted).expect("read");
        tee.drain().expect("drain");
        assert_eq!((&wanted, other.as_slice()), (b"a b", &b"a backup"[..]));
    }
}
