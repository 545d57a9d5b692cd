//! Fitting text into columns.

use console::measure_text_width;

/// The widest that prose is set; longer lines are hard to read.
const PROSE: usize = 120;

/// Breaks a text between words so that it keeps to `width` columns, every line after `indent`, the first one after `first`
/// (of the same width). A word that is too long stays whole: paths and keys are there to be copied.
pub fn wrap(first: &str, indent: &str, text: &str, width: usize) -> String {
    let room = width.min(PROSE).saturating_sub(measure_text_width(indent));
    let (mut out, mut used) = (first.to_owned(), 0);
    for word in text.split_whitespace() {
        let wide = measure_text_width(word);
        if used > 0 && used + 1 + wide > room {
            out.push('\n');
            out.push_str(indent);
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += wide;
    }
    out.push('\n');
    out
}

/// Cuts the front off a text that is wider than `width`: a file name's end tells its time.
pub fn keep_end(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for c in text.chars().rev() {
        used += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        kept.push(c);
    }
    std::iter::once('…').chain(kept.into_iter().rev()).collect()
}

/// Cuts the end off a text that is wider than `width`.
pub fn keep_start(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_never_cut() {
        assert_eq!(wrap("- ", "  ", "one two three", 9), "- one two\n  three\n");
        assert_eq!(wrap("", "", "a /very/long/path b", 6), "a\n/very/long/path\nb\n");
        assert_eq!(wrap("x ", "  ", "", 9), "x \n");
        assert_eq!(wrap("- ", "  ", "one two", 0), "- one\n  two\n");
    }

    #[test]
    fn a_long_text_keeps_the_side_that_matters() {
        assert_eq!(keep_end("codetalk-20261121-030000.dump", 10), "…0000.dump");
        assert_eq!(keep_end("short", 5), "short");
        assert_eq!(keep_end("名前名前", 5), "…名前");
        assert_eq!(keep_start("codetalk", 5), "code…");
    }
}
