//! Markdown tables that line up as plain text too.

use crate::stats::{Sorted, ratios};
use crate::variants::Variant;

/// For each variant the median of its values, one a round, with their quartiles, and for each
/// variant of `bases` the median of the rounds' own ratios to it with its confidence interval.
pub fn figures(unit: &str, variants: &[Variant], values: &[Vec<f64>], bases: &[usize]) -> String {
    let mut head = vec![
        format!("{} rounds", values[0].len()),
        unit.to_owned(),
        "quartiles".to_owned(),
    ];
    for &base in bases {
        head.extend([format!("to {}", variants[base].name), "95 %".to_owned()]);
    }
    let rows = variants.iter().zip(values).map(|(variant, own)| {
        let sorted = Sorted::new(own.iter().copied());
        let (low, high) = sorted.quartiles();
        let mut cells = vec![
            variant.name.clone(),
            format!("{:.0}", sorted.median()),
            format!("{low:.0}-{high:.0}"),
        ];
        for &base in bases {
            let ratios = ratios(own, &values[base]);
            let (low, high) = ratios.confidence();
            cells.push(format!("{:.3}", ratios.median()));
            cells.push(format!("{low:.3}-{high:.3}"));
        }
        cells
    });
    layout(head, rows)
}

/// All but the first column right-aligned.
pub fn layout(head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut lines: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
    let columns = lines[0].len();
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0).max(3)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    lines.insert(1, rule(&widths));
    lines.iter().map(|line| print(line, &widths)).collect()
}

/// The line under the head; its colons right-align all columns but the first.
fn rule(widths: &[usize]) -> Vec<String> {
    let dashes = |(column, &width): (usize, &usize)| match column {
        0 => "-".repeat(width),
        _ => format!("{}:", "-".repeat(width - 1)),
    };
    widths.iter().enumerate().map(dashes).collect()
}

fn print(line: &[String], widths: &[usize]) -> String {
    let mut text = format!("| {:<width$} |", line[0], width = widths[0]);
    for (cell, width) in line.iter().zip(widths).skip(1) {
        text += &format!(" {cell:>width$} |");
    }
    text + "\n"
}
