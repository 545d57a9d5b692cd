//! What `pg_dump` announces in the comment before each thing (`pg_backup_archiver.c`, `_printTocEntry`):
//! `-- Name: users; Type: TABLE; Schema: public; Owner: -`, and `-- Data for Name: ...` before rows. Pure.

use crate::pgdump::sql::{Encoding, Qualified};

/// One announced thing. Names are bytes of the script's encoding; line ends in them were written as blanks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub at: u64,
    name: Vec<u8>,
    kind: Vec<u8>,
    schema: Vec<u8>,
    /// Rows are announced.
    data: bool,
}

/// The last thing that was announced, and all rows that have not come.
#[derive(Debug, Default)]
pub struct Announced {
    current: Option<Entry>,
    answered: bool,
    missing: Vec<Entry>,
    root: bool,
}

/// Kinds whose definition is never empty.
const DEFINED: &[&[u8]] = &[
    b"TABLE",
    b"VIEW",
    b"MATERIALIZED VIEW",
    b"SEQUENCE",
    b"INDEX",
    b"CONSTRAINT",
    b"CHECK CONSTRAINT",
    b"FK CONSTRAINT",
    b"TRIGGER",
    b"POLICY",
    b"FUNCTION",
    b"PROCEDURE",
    b"TYPE",
    b"DOMAIN",
];

impl Entry {
    /// Reads a comment that announces something.
    pub fn read(comment: &[u8], at: u64) -> Option<Self> {
        let (rest, data) = match comment.strip_prefix(b"-- Data for Name: ") {
            Some(rest) => (rest, true),
            None => (comment.strip_prefix(b"-- Name: ")?, false),
        };
        // From behind: a name may contain all of this.
        let (rest, _) = split(rest, b"; Owner: ")?;
        let (rest, schema) = split(rest, b"; Schema: ")?;
        let (name, kind) = split(rest, b"; Type: ")?;
        Some(Self { at, name: name.to_vec(), kind: kind.to_vec(), schema: schema.to_vec(), data })
    }

    /// A function's name with its types, where it is one.
    pub fn function(&self, encoding: Encoding) -> Option<String> {
        let function = [&b"FUNCTION"[..], b"PROCEDURE", b"AGGREGATE"].contains(&self.kind.as_slice());
        function.then(|| format!("{}.{}", encoding.decode(&self.schema), encoding.decode(&self.name)))
    }

    /// `schema.name`
    pub fn table(&self) -> String {
        format!("{}.{}", String::from_utf8_lossy(&self.schema), String::from_utf8_lossy(&self.name))
    }

    /// The kind and the name, to be read.
    pub fn shown(&self) -> String {
        let kind = String::from_utf8_lossy(&self.kind).to_lowercase();
        format!("{kind} {}", String::from_utf8_lossy(&self.name))
    }

    /// Whether it has this name.
    pub fn is(&self, name: &Qualified) -> bool {
        let blank =
            |name: &[u8]| name.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect::<Vec<_>>();
        let schema = name.schema.as_ref().is_none_or(|schema| blank(schema) == self.schema);
        blank(&name.name) == self.name && schema
    }
}

fn split<'t>(text: &'t [u8], at: &[u8]) -> Option<(&'t [u8], &'t [u8])> {
    let start = memchr::memmem::rfind(text, at)?;
    Some((text.get(..start)?, text.get(start + at.len()..)?))
}

impl Announced {
    /// Something else is announced. What comes back was announced before it and has not come.
    pub fn begin(&mut self, entry: Entry) -> Option<Entry> {
        let lost = self.close();
        (self.current, self.answered, self.root) = (Some(entry), false, false);
        lost
    }

    fn close(&mut self) -> Option<Entry> {
        let entry = self.current.take().filter(|_| !self.answered)?;
        if entry.data && entry.kind == b"TABLE DATA" {
            self.missing.push(entry);
            return None;
        }
        (!entry.data && DEFINED.contains(&entry.kind.as_slice())).then_some(entry)
    }

    /// The rows of the announced table go to the root of its partitions.
    pub const fn at_root(&mut self) {
        self.root = true;
    }

    /// A statement came.
    pub fn answer(&mut self) {
        self.answered |= self.current.as_ref().is_some_and(|entry| !entry.data);
    }

    /// Rows came. What comes back are those that were announced, if they should have the announced name.
    pub fn rows(&mut self) -> Option<&Entry> {
        let entry = self.current.as_ref().filter(|entry| entry.data && entry.kind == b"TABLE DATA")?;
        self.answered = true;
        (!self.root).then_some(entry)
    }

    /// Nothing more comes: the definition and the rows that have not come.
    pub fn end(mut self) -> (Option<Entry>, Vec<Entry>) {
        let lost = self.close();
        (lost, self.missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_contain_anything() {
        let comment = b"-- Data for Name: a; Type: b; Schema: c; Type: TABLE DATA; Schema: d e; Owner: f; Tablespace: g";
        let entry = Entry::read(comment, 7).expect("an entry");
        assert_eq!(entry.name, b"a; Type: b; Schema: c");
        assert_eq!((entry.kind.as_slice(), entry.schema.as_slice(), entry.data), (&b"TABLE DATA"[..], &b"d e"[..], true));
        assert!(entry.is(&Qualified { schema: Some(b"d\ne".to_vec()), name: entry.name.clone() }));
        assert_eq!(Entry::read(b"-- Name: a", 0), None);
        assert_eq!(Entry::read(b"-- a", 0), None);
    }
}
