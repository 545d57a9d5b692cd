//! Archives of `mongodump`: no bytes make the reader panic, and it says the same however they come.
#![no_main]

use assay::mongoarchive;
use libfuzzer_sys::fuzz_target;
use std::io::Read;

/// Gives the bytes in pieces of an odd size.
struct Pieces<'b>(&'b [u8]);

impl Read for Pieces<'_> {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let count = buf.len().min(7);
        self.0.read(&mut buf[..count])
    }
}

fuzz_target!(|bytes: &[u8]| {
    let whole = mongoarchive::survey(bytes).expect("memory can be read");
    let pieces = mongoarchive::survey(Pieces(bytes)).expect("memory can be read");
    assert_eq!(whole, pieces);
    let _ = (whole.census(), mongoarchive::contents(bytes));
});
