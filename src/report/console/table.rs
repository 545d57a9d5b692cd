//! The table of a run's scenarios: one line for each where that fits, else two.

use super::layout::{keep_end, keep_start};
use super::{Style, word};
use crate::census::Vantage;
use crate::report::evidence::ScenarioRecord;
use crate::report::text::one_line;
use crate::units::Span;
use comfy_table::{ContentArrangement, Table, presets};
use console::measure_text_width;
use std::time::Duration;

const HEADER: [&str; 7] = ["", "SCENARIO", "DEPTH", "ARTIFACT", "AGE", "RESTORED", "RTO"];
const SCENARIO: usize = 1;
const ARTIFACT: usize = 3;
const AGE: usize = 4;
/// Columns between two columns.
const GAP: usize = 2;
/// An artifact's name is cut to this before a scenario takes two lines: it leaves a timestamp and an extension.
const ARTIFACT_SHORT: usize = 24;
/// No name is cut below this.
const SHORTEST: usize = 12;

/// The cells of one scenario; a line break in a cell takes a second line.
type Row = Vec<String>;

/// Renders the scenarios in the order in which they are given.
pub fn render(records: &[&ScenarioRecord], style: Style) -> String {
    let mut rows: Vec<Row> = vec![HEADER.map(str::to_owned).to_vec()];
    rows.extend(records.iter().map(|record| row(record)));
    let shortest: usize = total(&rows) - width(&rows, ARTIFACT) + width(&rows, ARTIFACT).min(ARTIFACT_SHORT);
    if shortest > style.width {
        rows.iter_mut().enumerate().for_each(|(i, row)| fold(row, i == 0));
    }
    cut(&mut rows, ARTIFACT, style.width, keep_end);
    cut(&mut rows, SCENARIO, style.width, keep_start);
    painted(&draw(&rows), records, style)
}

fn row(record: &ScenarioRecord) -> Row {
    let artifact = record.artifact.as_ref().map(|a| one_line(a.key.rsplit('/').next().unwrap_or(&a.key)));
    let restored = record.censuses.iter().find(|c| c.vantage == Vantage::Restored).map(|c| one_line(&c.summary()));
    let cells = [
        Some(word(record.verdict).to_owned()),
        Some(one_line(&record.name)),
        Some(record.depth.to_string()),
        artifact,
        seconds(record.rpo_seconds),
        restored,
        seconds(record.rto_seconds),
    ];
    cells.into_iter().map(|cell| cell.unwrap_or_else(|| "-".into())).collect()
}

/// A length of time for people; none when it is not known, or is none.
pub fn seconds(seconds: Option<f64>) -> Option<String> {
    Duration::try_from_secs_f64(seconds?).ok().map(|duration| Span(duration).to_string())
}

/// Puts the age beneath the artifact, and what was restored on two lines.
fn fold(row: &mut Row, header: bool) {
    let age = row.remove(AGE);
    let known = age != "-" && !header;
    for cell in row.iter_mut().skip(ARTIFACT) {
        *cell = cell.replacen(", ", "\n", 1);
    }
    if let Some(artifact) = row.get_mut(ARTIFACT).filter(|_| known) {
        *artifact = format!("{artifact}\n{age} old");
    }
}

/// Shortens the cells of one column until the table fits, but never below [`SHORTEST`].
fn cut(rows: &mut [Row], column: usize, fit: usize, shorten: fn(&str, usize) -> String) {
    let others = total(rows) - width(rows, column);
    let room = fit.saturating_sub(others).max(SHORTEST);
    for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
        *cell = cell.split('\n').map(|line| shorten(line, room)).collect::<Vec<_>>().join("\n");
    }
}

fn width(rows: &[Row], column: usize) -> usize {
    let lines = rows.iter().filter_map(|row| row.get(column)).flat_map(|cell| cell.split('\n'));
    lines.map(measure_text_width).max().unwrap_or(0)
}

fn total(rows: &[Row]) -> usize {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    (0..columns).map(|column| width(rows, column) + GAP).sum::<usize>().saturating_sub(GAP)
}

/// The widths are settled, so the table arranges nothing by itself.
fn draw(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).add_rows(rows);
    let gap = u16::try_from(GAP).unwrap_or(0);
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, gap));
    });
    table.trim_fmt()
}

/// Colours the verdict at the start of a scenario's first line; other lines start with spaces or are the header.
fn painted(table: &str, records: &[&ScenarioRecord], style: Style) -> String {
    let mut verdicts = records.iter().map(|record| record.verdict);
    let mut out = String::new();
    for (number, line) in table.lines().enumerate() {
        let first = if number == 0 || line.starts_with(' ') { None } else { verdicts.next() };
        let line = match first {
            _ if number == 0 => style.dim(line),
            Some(verdict) => line.replacen(word(verdict), &style.paint(verdict, word(verdict)), 1),
            None => line.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}
