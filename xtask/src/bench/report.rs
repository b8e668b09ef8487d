//! The figures as Markdown, what was to be reached, and what to doubt.

use std::fmt::Write;

use serde::Serialize;
use serde_json::{Value, json};

use crate::bench::contest::{Comparison, Contender, RECORDS, Ratio};
use crate::bench::machine::{self, Machine};

/// From this share of a processor on, the generator (one thread) is taken to be the limit.
const GENERATOR_BUSY: f64 = 0.9;
/// From this many processors on, what else runs is taken to disturb.
const OTHERS_BUSY: f64 = 0.25;

/// All figures of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) load_average_after: String,
    pub(crate) versions: Vec<String>,
    /// Who was to take part and does not, with the reason.
    pub(crate) left_out: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) sections: Vec<Outcome>,
}

/// What a section found.
#[derive(Debug, Serialize)]
pub(crate) struct Outcome {
    section: &'static str,
    #[serde(skip)]
    pub(crate) tables: Vec<Table>,
    goals: Vec<Goal>,
    #[serde(skip)]
    comparisons: Vec<Comparison>,
    pub(crate) raw: Value,
}

impl Outcome {
    pub(crate) fn new(
        section: &'static str,
        tables: Vec<Table>,
        goals: Vec<Goal>,
        raw: Value,
    ) -> Self {
        Self { section, tables, goals, comparisons: Vec::new(), raw }
    }

    /// Of contests, whose tables are made here.
    pub(crate) fn of_comparisons(
        section: &'static str,
        comparisons: Vec<Comparison>,
        goals: Vec<Goal>,
    ) -> Self {
        let raw = json!({ "comparisons": comparisons });
        Self { section, tables: Vec::new(), goals, comparisons, raw }
    }
}

/// Something to be reached.
#[derive(Debug, Serialize)]
pub(crate) struct Goal {
    what: String,
    bound: Option<Bound>,
    /// `None` if it could not be measured.
    measured: Option<Ratio>,
}

#[derive(Clone, Copy, Debug, Serialize)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn at_least(what: &str, bound: f64, measured: Option<Ratio>) -> Self {
        Self { what: what.to_owned(), bound: Some(Bound::AtLeast(bound)), measured }
    }

    pub(crate) fn at_most(what: &str, bound: f64, measured: Option<Ratio>) -> Self {
        Self { what: what.to_owned(), bound: Some(Bound::AtMost(bound)), measured }
    }

    /// Worth knowing, without a bound.
    pub(crate) fn noted(what: &str, measured: Option<Ratio>) -> Self {
        Self { what: what.to_owned(), bound: None, measured }
    }

    fn row(&self) -> [String; 4] {
        let measured = self.measured.map_or_else(|| "–".to_owned(), |ratio| ratio.to_string());
        let (bound, is_met) = match self.bound {
            None => ("–".to_owned(), None),
            Some(Bound::AtLeast(bound)) => {
                (format!("≥ {bound}"), self.measured.map(|ratio| ratio.median >= bound))
            }
            Some(Bound::AtMost(bound)) => {
                (format!("≤ {bound}"), self.measured.map(|ratio| ratio.median <= bound))
            }
        };
        let verdict = match is_met {
            None => "–",
            Some(true) => "met",
            Some(false) => "**missed**",
        };
        [self.what.clone(), bound, measured, verdict.to_owned()]
    }
}

/// A table of Markdown. The first column is text, the others are figures.
#[derive(Debug)]
pub(crate) struct Table {
    caption: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(caption: &str, head: &[&str]) -> Self {
        let head = head.iter().map(|&cell| cell.to_owned()).collect();
        Self { caption: caption.to_owned(), head, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    fn write(&self, text: &mut String) {
        if !self.caption.is_empty() {
            line(text, &format!("\n{}", self.caption));
        }
        line(text, &format!("\n| {} |", self.head.join(" | ")));
        line(text, &format!("|---|{}", "--:|".repeat(self.head.len().saturating_sub(1))));
        for row in &self.rows {
            line(text, &format!("| {} |", row.join(" | ")));
        }
    }
}

impl Report {
    pub(crate) fn begin(machine: Machine, versions: Vec<String>, quick: bool) -> Self {
        Self {
            machine,
            load_average_after: machine::load_average(),
            versions,
            left_out: Vec::new(),
            quick,
            sections: Vec::new(),
        }
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::new();
        self.write_machine(&mut text);
        self.write_goals(&mut text);
        for outcome in &self.sections {
            line(&mut text, &format!("\n## {}", outcome.section));
            for comparison in &outcome.comparisons {
                comparison_table(comparison).write(&mut text);
                if comparison.unit == RECORDS {
                    ratio_table(comparison).write(&mut text);
                }
            }
            outcome.tables.iter().for_each(|table| table.write(&mut text));
        }
        self.write_doubts(&mut text);
        self.write_commands(&mut text);
        text
    }

    fn write_machine(&self, text: &mut String) {
        let machine = &self.machine;
        if self.quick {
            text.push_str("**A quick run: these figures mean little.**\n\n");
        }
        line(text, &format!("- {} × {}", machine.cores, machine.processor));
        line(text, &format!("- {} MiB of memory, Linux {}", machine.memory_mib, machine.kernel));
        line(text, &format!("- data on {}", machine.file_system));
        line(text, &format!("- {}", self.versions.join(", ")));
        for one in &self.left_out {
            line(text, &format!("- left out: {one}"));
        }
        line(
            text,
            &format!(
                "- load average {} before, {} after (this run's own load is in it)",
                machine.load_average, self.load_average_after
            ),
        );
    }

    fn write_goals(&self, text: &mut String) {
        let mut table = Table::new(
            "Medians over the rounds (lowest to highest); ratios are of one and the same round.",
            &["goal", "bound", "measured", "verdict"],
        );
        for goal in self.sections.iter().flat_map(|outcome| &outcome.goals) {
            table.row(goal.row());
        }
        if !table.rows.is_empty() {
            table.write(text);
        }
    }

    fn comparisons(&self) -> impl Iterator<Item = &Comparison> {
        self.sections.iter().flat_map(|outcome| &outcome.comparisons)
    }

    fn write_doubts(&self, text: &mut String) {
        let doubts = doubts(self.comparisons());
        if !doubts.is_empty() {
            line(text, "\n## Doubts\n");
        }
        for doubt in doubts {
            line(text, &format!("- {doubt}"));
        }
    }

    /// Each command line once.
    fn write_commands(&self, text: &mut String) {
        let mut lines: Vec<&str> = Vec::new();
        for row in self.comparisons().flat_map(|comparison| &comparison.contenders) {
            for command in [&row.server_command, &row.load_command] {
                if !lines.contains(&command.as_str()) {
                    lines.push(command);
                }
            }
        }
        if !lines.is_empty() {
            lines.sort_unstable();
            let _ = write!(text, "\n## Command lines\n\n```text\n{}\n```\n", lines.join("\n"));
        }
    }
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn comparison_table(comparison: &Comparison) -> Table {
    let unit = comparison.unit;
    let mut table = Table::new(
        &format!("{}:", comparison.case),
        &[
            "",
            &format!("{unit}/s (lowest to highest)"),
            "MiB/s",
            &format!("CPU s per 10⁶ {unit}"),
            "p50",
            "p99",
            "syncs/s",
            &format!("{unit} a sync"),
            "peak memory",
            "CPUs: server, generator, others (worst)",
            "errors",
        ],
    );
    for row in &comparison.contenders {
        table.row([
            row.name.clone(),
            format!(
                "{:.0} ({:.0} to {:.0})",
                row.records_per_s, row.records_per_s_lowest, row.records_per_s_highest
            ),
            format!("{:.0}", row.mib_per_s),
            figure(row.cpu_s_per_million, 2, ""),
            figure(row.p50_ms, 2, " ms"),
            figure(row.p99_ms, 2, " ms"),
            figure(row.syncs_per_s, 0, ""),
            figure(row.records_per_s / row.syncs_per_s, 1, ""),
            figure(row.peak_mib, 0, " MiB"),
            format!("{:.2}, {:.2}, {:.2}", row.server_cpus, row.client_cpus, row.other_cpus_worst),
            row.errors.to_string(),
        ]);
    }
    table
}

fn figure(value: f64, digits: usize, unit: &str) -> String {
    if !value.is_finite() { "–".to_owned() } else { format!("{value:.digits$}{unit}") }
}

/// The first beside all the others.
fn ratio_table(comparison: &Comparison) -> Table {
    let head = ["", "records/s", "MiB/s", "CPU per record"];
    let mut table = Table::new("", &head);
    let Some((first, others)) = comparison.contenders.split_first() else { return table };
    for Contender { name, .. } in others {
        let ratio = |pointer| match comparison.ratio(&first.name, name, pointer) {
            Some(ratio) if ratio.median.is_finite() => ratio.to_string(),
            _ => "–".to_owned(),
        };
        table.row([
            format!("{} ÷ {name}", first.name),
            ratio("/records_per_s"),
            ratio("/mib_per_s"),
            ratio("/server/cpu_seconds_per_million_records"),
        ]);
    }
    table
}

/// What keeps figures from meaning what they seem to.
fn doubts<'a>(comparisons: impl Iterator<Item = &'a Comparison>) -> Vec<String> {
    let mut doubts = Vec::new();
    let mut others = Vec::new();
    for comparison in comparisons {
        for row in &comparison.contenders {
            let whose = format!("{}, {}", comparison.case, row.name);
            if row.errors > 0 {
                doubts.push(format!("{whose}: {} errors, the figure is void", row.errors));
            }
            if row.client_cpus >= GENERATOR_BUSY {
                doubts.push(format!(
                    "{whose}: the generator was busy {:.0} % of the time; the server may be faster",
                    row.client_cpus * 100.0
                ));
            }
            if row.other_cpus_worst >= OTHERS_BUSY {
                others.push(row.other_cpus_worst);
            }
        }
    }
    if let Some(worst) = others.iter().copied().max_by(f64::total_cmp) {
        doubts.push(format!(
            "{} rows had a round in which other processes, the kernel's included, kept {OTHERS_BUSY} \
             or more processors busy; {worst:.2} at worst",
            others.len()
        ));
    }
    doubts
}

pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::contest::tests::contender;

    fn report(contenders: Vec<Contender>, goals: Vec<Goal>) -> Report {
        let machine = Machine {
            processor: "P".to_owned(),
            cores: 2,
            memory_mib: 1,
            kernel: "6".to_owned(),
            file_system: "ext4".to_owned(),
            load_average: "0 0 0".to_owned(),
        };
        let mut report = Report::begin(machine, vec!["anabranch 1".to_owned()], false);
        let comparison = Comparison { case: "C".to_owned(), unit: RECORDS, contenders };
        report.sections = vec![Outcome::of_comparisons("section", vec![comparison], goals)];
        report
    }

    #[test]
    fn compares_everything_with_the_first() {
        let contenders = vec![contender("ours", &[300.0], 0), contender("theirs", &[100.0], 0)];
        let text = report(contenders, Vec::new()).to_markdown();
        assert!(text.contains("| ours ÷ theirs | 3.00 (3.00 to 3.00) |"), "{text}");
        assert!(text.contains("```text\nload\nserve\n```"), "{text}");
        assert!(!text.contains("generator was busy"), "{text}");
    }

    #[test]
    fn says_whether_goals_are_met() {
        let ratio = |median| Ratio::of(std::iter::once(median));
        let goals = vec![
            Goal::at_least("a", 4.0, ratio(4.0)),
            Goal::at_least("b", 4.0, ratio(3.9)),
            Goal::at_most("c", 4.0, ratio(4.1)),
            Goal::at_most("d", 4.0, ratio(0.04)),
            Goal::at_most("e", 4.0, None),
        ];
        let text = report(Vec::new(), goals).to_markdown();
        for expected in [
            "| a | ≥ 4 | 4.00 (4.00 to 4.00) | met |",
            "| b | ≥ 4 | 3.90 (3.90 to 3.90) | **missed** |",
            "| c | ≤ 4 | 4.10 (4.10 to 4.10) | **missed** |",
            "| d | ≤ 4 | 0.040 (0.040 to 0.040) | met |",
            "| e | ≤ 4 | – | – |",
        ] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }

    #[test]
    fn says_what_to_doubt() {
        let mut void = contender("theirs", &[1.0], 7);
        void.client_cpus = 0.95;
        void.other_cpus_worst = 0.5;
        let text = report(vec![void], Vec::new()).to_markdown();
        for expected in ["7 errors, the figure is void", "busy 95 %", "0.50 at worst"] {
            assert!(text.contains(expected), "{expected} is missing in\n{text}");
        }
    }
}
