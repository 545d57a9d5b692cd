//! A zone file's logical lines (RFC 1035, section 5.1): quotes, escapes, comments and parentheses, nothing else. What a line means
//! is for [`bind`](super::bind) to say; so one line that nobody can read never takes the others with it.

/// One logical line: parentheses may spread it over several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Where it begins, from 1.
    pub number: usize,
    /// It begins with white space, so it belongs to the owner of the line before.
    pub continues_owner: bool,
    /// Its words as they are written, quotes and escapes included.
    pub words: Vec<String>,
    /// A quote or a parenthesis is never closed.
    pub open: bool,
}

/// The logical lines that have words.
pub(super) fn lines(text: &str) -> Vec<Line> {
    let mut lexer = Lexer { lines: Vec::new(), line: None, word: String::new(), depth: 0, number: 1 };
    let mut state = State::Between;
    let mut at_start = true;
    for c in text.chars() {
        if at_start && lexer.depth == 0 {
            lexer.begin(c.is_whitespace());
        }
        state = lexer.step(state, c);
        at_start = c == '\n';
        lexer.number += usize::from(at_start);
    }
    lexer.end_of_text(state);
    lexer.lines
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Word,
    Quoted,
    Comment,
    /// Behind a backslash, and whether inside of quotes.
    Escaped(bool),
}

struct Lexer {
    lines: Vec<Line>,
    line: Option<Line>,
    word: String,
    depth: usize,
    number: usize,
}

impl Lexer {
    fn begin(&mut self, continues_owner: bool) {
        self.finish_line();
        self.line = Some(Line { number: self.number, continues_owner, words: Vec::new(), open: false });
    }

    fn step(&mut self, state: State, c: char) -> State {
        match (state, c) {
            (State::Escaped(quoted), _) => {
                self.word.push(c);
                if quoted { State::Quoted } else { State::Word }
            }
            (State::Comment, '\n') => State::Between,
            (State::Comment, _) => State::Comment,
            (State::Quoted, '"') => {
                self.word.push(c);
                State::Word
            }
            (quoted, '\\') => {
                self.word.push(c);
                State::Escaped(quoted == State::Quoted)
            }
            (State::Quoted, _) | (_, '"') => {
                self.word.push(c);
                State::Quoted
            }
            (_, ';' | '(' | ')') => self.special(c),
            (_, c) if c.is_ascii_whitespace() => {
                self.finish_word();
                State::Between
            }
            _ => {
                self.word.push(c);
                State::Word
            }
        }
    }

    fn special(&mut self, c: char) -> State {
        self.finish_word();
        match c {
            ';' => return State::Comment,
            '(' => self.depth += 1,
            _ => self.depth = self.depth.saturating_sub(1),
        }
        State::Between
    }

    fn finish_word(&mut self) {
        if let (false, Some(line)) = (self.word.is_empty(), &mut self.line) {
            line.words.push(std::mem::take(&mut self.word));
        }
    }

    fn finish_line(&mut self) {
        self.finish_word();
        self.lines.extend(self.line.take().filter(|line| !line.words.is_empty()));
    }

    fn end_of_text(&mut self, state: State) {
        let open = self.depth > 0 || matches!(state, State::Quoted | State::Escaped(_));
        self.finish_word();
        if let Some(line) = &mut self.line {
            line.open = open;
        }
        self.finish_line();
    }
}

/// The bytes that a word means: without its quotes, `\X` and `\DDD` resolved.
pub(super) fn unescape(word: &str) -> Vec<u8> {
    let inner = word.strip_prefix('"').map_or(word, |rest| rest.strip_suffix('"').unwrap_or(rest));
    let (mut bytes, mut rest) = (Vec::with_capacity(inner.len()), inner.as_bytes());
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match (first, number(behind)) {
            (b'\\', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[3..];
            }
            (b'\\', None) => {
                bytes.extend(behind.first());
                rest = behind.get(1..).unwrap_or_default();
            }
            _ => bytes.push(*first),
        }
    }
    bytes
}

/// The three digits of `\DDD`.
fn number(digits: &[u8]) -> Option<u8> {
    let digits = digits.get(..3)?;
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<(usize, bool, Vec<String>)> {
        lines(text).into_iter().map(|l| (l.number, l.continues_owner, l.words)).collect()
    }

    #[test]
    fn quotes_comments_and_parentheses() {
        let text = ";; SOA Record\nexample.com\t3600\tIN\tSOA\tns. dns. (\n 1 ; serial\n 2 ) 3\n\n \tTXT \"a;b \\\" c\" \"d\" ; cf_tags=x\nz\\;y 1 A 1.2.3.4";
        let line = |number, blank, words: &[&str]| (number, blank, words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            words(text),
            [
                line(2, false, &["example.com", "3600", "IN", "SOA", "ns.", "dns.", "1", "2", "3"]),
                line(6, true, &["TXT", "\"a;b \\\" c\"", "\"d\""]),
                line(7, false, &["z\\;y", "1", "A", "1.2.3.4"]),
            ]
        );
    }

    #[test]
    fn what_is_never_closed_is_marked() {
        for text in ["a 1 IN SOA (", "a 1 IN TXT \"x", "a 1 IN TXT x\\"] {
            assert!(lines(text).last().expect("line").open, "{text}");
        }
        assert!(!lines("a 1 IN TXT \"x\"").last().expect("line").open);
    }

    #[test]
    fn escapes_are_bytes() {
        assert_eq!(unescape(r#""a\"b\\c\065\300""#), b"a\"b\\cA300");
        assert_eq!(unescape(r"plain\ "), b"plain ");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            for line in lines(&text) {
                prop_assert!(!line.words.is_empty());
                line.words.iter().for_each(|w| drop(unescape(w)));
            }
        }
    }
}
