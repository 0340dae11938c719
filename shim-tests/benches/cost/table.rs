//! Markdown tables that line up as plain text too.

use crate::rounds::Figures;
use crate::stats::Sorted;
use crate::variants::{FLOOR, NO_SHIM, Variant};

/// Nanoseconds, and the ratios to no shim and to the floor.
pub fn times(variants: &[Variant], figures: &[Figures]) -> String {
    let rounds = figures[NO_SHIM].nanoseconds.len();
    let title = format!("{rounds} rounds");
    let head = [
        &title,
        "ns",
        "quartiles",
        "to no shim",
        "95 %",
        "to floor",
        "95 %",
    ];
    let rows = variants.iter().zip(figures).map(|(variant, figure)| {
        let own = Sorted::new(figure.nanoseconds.iter().copied());
        let (low, high) = own.quartiles();
        let mut row = vec![
            variant.name.to_owned(),
            format!("{:.0}", own.median()),
            format!("{low:.0}-{high:.0}"),
        ];
        for base in [NO_SHIM, FLOOR] {
            row.extend(ratio(&figure.nanoseconds, &figures[base].nanoseconds));
        }
        row
    });
    layout(&head, rows)
}

/// Instructions and page faults of an exec.
pub fn counts(variants: &[Variant], instructions: &[u64], figures: &[Figures]) -> String {
    let head = ["", "instructions", "to no shim", "to floor", "page faults"];
    let rows = variants.iter().zip(figures).zip(instructions);
    let rows = rows.map(|((variant, figure), &count)| {
        let to = |base: usize| format!("{:.3}", count as f64 / instructions[base] as f64);
        let faults = Sorted::new(figure.faults.iter().copied());
        vec![
            variant.name.to_owned(),
            count.to_string(),
            to(NO_SHIM),
            to(FLOOR),
            format!("{:.0}", faults.median()),
        ]
    });
    layout(&head, rows)
}

/// The median of the rounds' ratios, and its confidence interval.
fn ratio(own: &[f64], base: &[f64]) -> [String; 2] {
    let ratios = Sorted::new(own.iter().zip(base).map(|(own, base)| own / base));
    let (low, high) = ratios.confidence();
    [
        format!("{:.3}", ratios.median()),
        format!("{low:.3}-{high:.3}"),
    ]
}

fn layout(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|&title| title.to_owned()).collect();
    let mut lines: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
    let columns = lines[0].len();
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            lines
                .iter()
                .map(|line| line[column].len())
                .max()
                .unwrap_or(0)
        })
        .collect();
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
