//! Writes small archives as `pg_dump` does, for the tests of their reader.

use std::fmt::Write as _;
use std::io::Write;

/// A table with its rows as COPY's text format has them, or as INSERT statements.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: usize,
    pub data: Vec<u8>,
    pub inserts: bool,
}

/// An archive to be written.
#[derive(Debug, Clone)]
pub struct Archive {
    pub minor: u8,
    /// 0 none, 1 gzip, 2 lz4, 3 zstd.
    pub compression: u8,
    pub tables: Vec<Table>,
    pub large_objects: Vec<(u32, Vec<u8>)>,
    /// Whether the table of contents knows where the blocks are.
    pub places: bool,
    /// The largest chunk.
    pub chunk: usize,
}

impl Table {
    /// A table of `columns` columns and these rows, each value of one letter.
    pub fn copied(name: &str, columns: usize, rows: usize) -> Self {
        let row = [vec!["x"; columns].join("\t"), "\n".to_owned()].concat();
        Self { name: name.to_owned(), columns, data: [row.repeat(rows).as_bytes(), b"\\.\n\n\n"].concat(), inserts: false }
    }

    pub fn inserted(name: &str, rows: usize) -> Self {
        let row = format!("INSERT INTO public.{name} VALUES (1, 'a');\n");
        Self { name: name.to_owned(), columns: 2, data: [row.repeat(rows).as_bytes(), b"\n\n"].concat(), inserts: true }
    }

    fn copy(&self) -> String {
        let columns: Vec<_> = (0..self.columns).map(|at| format!("c{at}")).collect();
        let list = if columns.is_empty() { String::new() } else { format!("({})", columns.join(", ")) };
        if self.inserts { String::new() } else { format!("COPY public.\"{}\" {list} FROM stdin;\n", self.name) }
    }
}

pub fn int(out: &mut Vec<u8>, value: i64) {
    out.push(u8::from(value < 0));
    out.extend(u32::try_from(value.unsigned_abs()).expect("small").to_le_bytes());
}

pub fn text(out: &mut Vec<u8>, value: &str) {
    int(out, i64::try_from(value.len()).expect("short"));
    out.extend(value.as_bytes());
}

/// What stands in the table of contents for one object.
struct Line {
    id: i64,
    tag: String,
    desc: &'static str,
    section: i64,
    definition: String,
    copy: String,
    place: Option<u64>,
}

impl Archive {
    /// The header, up to and with the number of entries. `format`: 1 custom, 3 files.
    fn header(&self, format: u8, entries: usize) -> Vec<u8> {
        let mut out = b"PGDMP".to_vec();
        out.extend([1, self.minor, 0, 4, 8, format]);
        if self.minor >= 15 {
            out.push(self.compression);
        } else {
            int(&mut out, if self.compression == 0 { 0 } else { -1 });
        }
        for part in [5, 30, 3, 21, 10, 126, 0] {
            int(&mut out, part);
        }
        let version = ["15.18", "16.9", "18.1"][usize::from(self.minor - 14)];
        for part in ["codetalk", version, version] {
            text(&mut out, part);
        }
        int(&mut out, i64::try_from(entries).expect("few"));
        out
    }

    fn line(&self, out: &mut Vec<u8>, line: &Line, format: u8) {
        let has_data = i64::from(line.section == 3);
        for part in [line.id, has_data] {
            int(out, part);
        }
        for part in ["0", "0", line.tag.as_str(), line.desc] {
            text(out, part);
        }
        int(out, line.section);
        for part in [line.definition.as_str(), "", line.copy.as_str(), "public"] {
            text(out, part);
        }
        int(out, -1);
        int(out, -1);
        if self.minor >= 16 {
            int(out, 0);
        }
        for part in ["alice", "false", "7"] {
            text(out, part);
        }
        int(out, -1);
        match (format, line.place) {
            (3, _) if has_data == 0 => text(out, ""),
            (3, _) if line.desc == "BLOBS" => text(out, "blobs.toc"),
            (3, _) => text(out, &format!("{}.dat", line.id)),
            (_, Some(place)) => {
                out.push(2);
                out.extend(place.to_le_bytes());
            }
            _ => {
                out.push(if has_data == 0 { 3 } else { 1 });
                out.extend([0; 8]);
            }
        }
    }

    fn lines(&self) -> Vec<Line> {
        let line = |id, tag: &str, desc, section, definition: String, copy| Line {
            id,
            tag: tag.to_owned(),
            desc,
            section,
            definition,
            copy,
            place: None,
        };
        let mut lines = vec![line(1, "ENCODING", "ENCODING", 2, "SET client_encoding = 'UTF8';\n".into(), String::new())];
        for (id, table) in (100..).zip(&self.tables) {
            let definition = format!("CREATE TABLE public.\"{}\" ();\n", table.name);
            lines.push(line(id + 1000, &table.name, "TABLE", 2, definition, String::new()));
        }
        for (id, table) in (100..).zip(&self.tables) {
            lines.push(line(id, &table.name, "TABLE DATA", 3, String::new(), table.copy()));
        }
        if !self.large_objects.is_empty() {
            lines.push(line(99, "BLOBS", "BLOBS", 3, String::new(), String::new()));
        }
        lines
    }

    fn toc(&self, lines: &[Line], format: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for line in lines {
            self.line(&mut out, line, format);
        }
        out
    }

    /// The custom archive.
    pub fn custom(&self) -> Vec<u8> {
        let mut lines = self.lines();
        let header = self.header(1, lines.len());
        let mut at = header.len() + self.toc(&lines, 1).len();
        let mut blocks = Vec::new();
        for line in lines.iter_mut().filter(|line| line.section == 3) {
            let block = self.block(line);
            line.place = self.places.then_some(at as u64);
            at += block.len();
            blocks.extend(block);
        }
        [header, self.toc(&lines, 1), blocks].concat()
    }

    /// What `pg_dump -Fc >> file` leaves: places that were written behind the end.
    pub fn appended(&self) -> Vec<u8> {
        let (unplaced, placed) = (Self { places: false, ..self.clone() }, Self { places: true, ..self.clone() });
        let lines = self.lines();
        let header = self.header(1, lines.len()).len();
        let toc = self.toc(&lines, 1).len();
        [unplaced.custom(), placed.custom()[header - 5..header + toc].to_vec()].concat()
    }

    fn block(&self, line: &Line) -> Vec<u8> {
        let mut out = vec![if line.desc == "BLOBS" { 3 } else { 1 }];
        int(&mut out, line.id);
        if line.desc == "BLOBS" {
            for (oid, bytes) in &self.large_objects {
                // Above 2^31 it is written as a negative number.
                int(&mut out, i64::from(oid.cast_signed()));
                self.chunks(&mut out, bytes);
            }
            int(&mut out, 0);
        } else {
            let table = &self.tables[usize::try_from(line.id - 100).expect("a table")];
            self.chunks(&mut out, &table.data);
        }
        out
    }

    fn chunks(&self, out: &mut Vec<u8>, bytes: &[u8]) {
        for chunk in compress(self.compression, false, bytes).chunks(self.chunk) {
            int(out, i64::try_from(chunk.len()).expect("small"));
            out.extend(chunk);
        }
        int(out, 0);
    }

    /// The members of a directory dump, `toc.dat` first.
    pub fn members(&self) -> Vec<(String, Vec<u8>)> {
        let lines = self.lines();
        let suffix = ["", ".gz", ".lz4", ".zst"][usize::from(self.compression)];
        let mut members = vec![("toc.dat".to_owned(), [self.header(3, lines.len()), self.toc(&lines, 3)].concat())];
        for (id, table) in (100..).zip(&self.tables) {
            members.push((format!("{id}.dat{suffix}"), compress(self.compression, true, &table.data)));
        }
        let mut list = String::new();
        for (oid, bytes) in &self.large_objects {
            members.push((format!("blob_{oid}.dat{suffix}"), compress(self.compression, true, bytes)));
            let _ = writeln!(list, "{oid} blob_{oid}.dat");
        }
        if !list.is_empty() {
            members.push(("blobs.toc".to_owned(), list.into_bytes()));
        }
        members
    }
}

/// A tar of these members, below a folder.
pub fn tar(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        builder.append_data(&mut header, format!("dump/{name}"), bytes.as_slice()).expect("a member");
    }
    builder.into_inner().expect("a tar")
}

fn compress(compression: u8, file: bool, bytes: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match compression {
        0 => bytes.to_vec(),
        1 if file => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect("in memory");
            encoder.finish().expect("in memory")
        }
        1 => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(bytes).expect("in memory");
            encoder.finish().expect("in memory")
        }
        2 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(bytes).expect("in memory");
            encoder.finish().expect("in memory")
        }
        _ => zstd::encode_all(bytes, 1).expect("in memory"),
    }
}
