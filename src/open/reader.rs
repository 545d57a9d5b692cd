//! What all layers have in common: a decoder between an [`Input`] and an [`Output`], and a [`Peek`] at what comes out.
//!
//! Decoders wrap, swallow or rewrite the errors of the reader below them. An error of the store must never look like a
//! damaged gzip stream: so the input remembers it, and the output tells it instead of the decoder's.

use crate::error::Error;
use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;

/// Bytes, from the store or out of a layer.
pub(super) type Source = Box<dyn Read + Send>;

/// The first error that came from below a layer.
#[derive(Clone, Default)]
pub(super) struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    fn get(&self) -> Option<Error> {
        self.0.lock().ok().and_then(|fault| fault.clone())
    }

    fn set(&self, error: &Error) {
        if let Ok(mut fault) = self.0.lock() {
            fault.get_or_insert_with(|| error.clone());
        }
    }

    /// The error from below when there was one, else the layer's own.
    pub(super) fn or(&self, own: impl FnOnce() -> Error) -> Error {
        self.get().unwrap_or_else(own)
    }
}

/// What a decoder reads from.
pub(super) struct Input {
    inner: Source,
    fault: Fault,
}

impl Input {
    pub(super) fn new(inner: Source) -> (Self, Fault) {
        let fault = Fault::default();
        (Self { inner, fault: fault.clone() }, fault)
    }
}

impl Read for Input {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buf).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            let error = Error::from(error);
            self.fault.set(&error);
            error.into()
        })
    }
}

/// What a decoder delivers, with its errors put into words. Once it ended, well or not, it stays so.
pub(super) struct Output<D> {
    decoder: D,
    fault: Fault,
    words: fn(&io::Error) -> Error,
    ended: Option<Result<(), Error>>,
}

impl<D: Read> Output<D> {
    /// `words` explains an error of the decoder's own that is not an [`Error`] yet.
    pub(super) fn new(decoder: D, fault: Fault, words: fn(&io::Error) -> Error) -> Self {
        Self { decoder, fault, words, ended: None }
    }

    fn own(&self, error: io::Error) -> Error {
        error.downcast::<Error>().unwrap_or_else(|error| (self.words)(&error))
    }
}

impl<D: Read> Read for Output<D> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.ended {
            Some(Ok(())) => return Ok(0),
            Some(Err(error)) => return Err(error.clone().into()),
            None if buf.is_empty() => return Ok(0),
            None => {}
        }
        let result = self.decoder.read(buf);
        let error = match (self.fault.get(), result) {
            (Some(below), _) => below,
            (None, Err(error)) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            (None, Err(error)) => self.own(error),
            (None, Ok(n)) => {
                if n == 0 {
                    self.ended = Some(Ok(()));
                }
                return Ok(n);
            }
        };
        self.ended = Some(Err(error.clone()));
        Err(error.into())
    }
}

/// A reader whose first bytes can be looked at before they are read.
pub(super) struct Peek {
    inner: Source,
    head: Zeroizing<Vec<u8>>,
    given: usize,
    /// An error behind the head: told when the head was read.
    pending: Option<Error>,
}

impl Peek {
    pub(super) fn new(inner: Source) -> Self {
        Self { inner, head: Zeroizing::default(), given: 0, pending: None }
    }

    /// The first `most` bytes; fewer when there are no more, or when an error stands behind them.
    pub(super) fn head(&mut self, most: usize) -> &[u8] {
        if self.head.len() < most && self.pending.is_none() && self.given == 0 {
            let missing = most - self.head.len();
            self.head.reserve_exact(missing);
            if let Err(error) = self.inner.by_ref().take(missing as u64).read_to_end(&mut self.head) {
                self.pending = Some(error.into());
            }
        }
        &self.head
    }

    /// The error that cut the head short.
    pub(super) fn failed(&self) -> Option<Error> {
        self.pending.clone()
    }
}

impl Read for Peek {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Some(rest) = self.head.get(self.given..).filter(|rest| !rest.is_empty()) {
            let n = rest.len().min(buf.len());
            buf[..n].copy_from_slice(&rest[..n]);
            self.given += n;
            return Ok(n);
        }
        match &self.pending {
            Some(error) => Err(error.clone().into()),
            None => self.inner.read(buf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// Delivers some bytes, then fails.
    pub(crate) struct Broken(pub Cursor<Vec<u8>>);

    impl Read for Broken {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buf)? {
                0 => Err(Error::harness("the network broke").into()),
                n => Ok(n),
            }
        }
    }

    /// A decoder that hides what happened below it.
    struct Hides<R>(R);

    impl<R: Read> Read for Hides<R> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            self.0.read(buf).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "corrupt"))
        }
    }

    #[test]
    fn an_error_from_below_is_told_instead_of_the_decoders_and_stays() {
        let (input, fault) = Input::new(Box::new(Broken(Cursor::new(vec![1, 2]))));
        let mut output = Output::new(Hides(input), fault, |e| Error::backup(e.to_string()));
        let mut all = Vec::new();
        for _ in 0..2 {
            let error = Error::from(output.read_to_end(&mut all).expect_err("broken"));
            assert_eq!(error, Error::harness("the network broke"));
        }
        assert_eq!(all, [1, 2]);
    }

    #[test]
    fn the_head_is_read_again_and_the_error_behind_it_waits() {
        let mut peek = Peek::new(Box::new(Broken(Cursor::new(vec![1, 2, 3]))));
        assert_eq!(peek.head(2), [1, 2]);
        assert_eq!(peek.head(10), [1, 2, 3]);
        assert!(peek.failed().is_some());
        let mut all = Vec::new();
        assert!(peek.read_to_end(&mut all).is_err());
        assert_eq!(all, [1, 2, 3]);
    }
}
