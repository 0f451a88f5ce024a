use super::{
    arguments::OutputFormat,
    failure::Failure,
    report::{Answer, AnswerKind},
};
use comfy_table::{ContentArrangement, Table, presets};
use quorate_proto::reason;
use serde::Serialize;
use std::io::{self, Write};

/// Something to print: as JSON for programs, as text for people.
pub(crate) trait Report: Serialize {
    /// The text for people, without a newline at its end.
    fn human(&self) -> String;
}

/// Where results go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    format: OutputFormat,
}

impl Output {
    /// Prints in this format.
    #[must_use]
    pub(crate) fn new(format: OutputFormat) -> Self {
        Self { format }
    }

    /// Whether programs read it.
    #[must_use]
    pub(crate) fn is_json(self) -> bool {
        self.format == OutputFormat::Json
    }

    /// Prints a result to standard output: JSON on one line, or text.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn print(self, report: &impl Report) -> Result<(), Failure> {
        write(&[self.text(report).as_bytes(), b"\n"])
    }

    /// Prints an answer; raw, only the bytes of a reply go to standard output, as they are.
    ///
    /// # Errors
    /// If standard output cannot be written.
    pub(crate) fn print_answer(self, answer: &Answer, raw: bool) -> Result<(), Failure> {
        match &answer.kind {
            AnswerKind::Reply { reply } if raw => write(&[&reply.0]),
            _ if raw => {
                note(&self.text(answer));
                Ok(())
            }
            _ => self.print(answer),
        }
    }

    fn text(self, report: &impl Report) -> String {
        match self.format {
            OutputFormat::Human => report.human(),
            OutputFormat::Json => json(report),
        }
    }

    /// Prints a failure to standard error.
    pub(crate) fn print_failure(self, failure: &Failure) {
        #[derive(Serialize)]
        struct Wrapped<'a> {
            error: &'a Failure,
        }
        let text = match self.format {
            OutputFormat::Human => failure.to_string(),
            OutputFormat::Json => json(&Wrapped { error: failure }),
        };
        note(&text);
    }
}

/// Writes all of this to standard output.
fn write(parts: &[&[u8]]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match parts.iter().try_for_each(|part| out.write_all(part)).and_then(|()| out.flush()) {
        // Whoever read it has seen enough, as `head` has.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            Err(Failure::new(reason::FILE_FAILED, format!("standard output cannot be written: {error}")))
        }
        Ok(()) => Ok(()),
    }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("reports are plain values with text as keys")
}

/// Prints a line to standard error, which may be gone.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A table with these columns.
#[must_use]
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(columns);
    table
}

/// The text of a table, without spaces at the ends of lines.
#[must_use]
pub(crate) fn table_text(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// So many of something, with the word for one or for several of them.
#[must_use]
pub(crate) fn count(number: u64, one: &str, several: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A size for people.
#[must_use]
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    // In tenths of the unit, without floating point.
    let mut tenths = u128::from(bytes) * 10 / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_given_in_fitting_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_572_864, "1.5 MiB"),
            (1 << 30, "1.0 GiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(size(bytes), text, "{bytes}");
        }
    }

    #[test]
    fn a_table_has_a_header_and_no_trailing_spaces() {
        let mut table = table(&["NAME", "SIZE"]);
        table.add_row(["a", ""]).add_row(["longer", "2"]);
        assert_eq!(table_text(&table), " NAME    SIZE\n a\n longer  2");
    }
}
