//! Charts, as SVG.

use std::ops::Range;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::command::Failure;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 860;
const ROW: u32 = 18;
const MARGIN: u32 = 12;
const NAMES: u32 = 250;
const VALUES: u32 = 70;
const AXIS: u32 = 48;
const TITLE: u32 = 34;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const FAINT: RGBColor = RGBColor(0xdd, 0xdd, 0xdd);
const COLOURS: [RGBColor; 6] = [
    RGBColor(0x1f, 0x6f, 0xb4),
    RGBColor(0xd9, 0x5f, 0x02),
    RGBColor(0x1b, 0x9e, 0x77),
    RGBColor(0x75, 0x70, 0xb3),
    RGBColor(0x66, 0x66, 0x66),
    RGBColor(0xe7, 0x29, 0x8a),
];

/// A median, and the interval that it lies in.
#[derive(Clone, Copy)]
pub struct Value {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

/// What a chart's rows have in common.
pub struct Group {
    pub name: String,
    pub rows: Vec<(String, Value)>,
}

/// Ratios, one a row, with a line at 1; rows of one name have one colour.
pub fn ratios(path: &Path, title: &str, axis: &str, groups: &[Group]) -> Result<(), Failure> {
    let rows: usize = groups.iter().map(|group| group.rows.len() + 1).sum();
    let height = TITLE + AXIS + 2 * MARGIN + ROW * u32::try_from(rows)?;
    let root = page(path, title, height)?;
    let range = ratio_range(groups);
    let mut chart = ChartBuilder::on(&root)
        .margin(MARGIN)
        .margin_top(TITLE)
        .margin_right(VALUES)
        .set_label_area_size(LabelAreaPosition::Left, NAMES)
        .set_label_area_size(LabelAreaPosition::Bottom, AXIS)
        .build_cartesian_2d(range.clone(), 0.0..rows as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_label_formatter(&|value| format!("{value:.2}"))
        .x_labels(10)
        .x_desc(axis)
        .label_style((FONT, 13, &INK))
        .draw()?;
    let one = [(1.0, 0.0), (1.0, rows as f64)];
    chart.draw_series([PathElement::new(one, INK.stroke_width(1))])?;
    let names = names(groups);
    let mut y = rows as f64;
    for group in groups {
        y -= 1.0;
        let (_, middle) = chart.backend_coord(&(1.0, y + 0.4));
        let left = i32::try_from(MARGIN)?;
        write(&root, &group.name, (left, middle), HPos::Left, true)?;
        for (name, value) in &group.rows {
            y -= 1.0;
            let at = y + 0.5;
            let colour = colour(names.iter().position(|other| *other == name));
            let ends = [value.low, value.high].map(|end| end.clamp(range.start, range.end));
            let whisker = ends.map(|end| (end, at));
            chart.draw_series([PathElement::new(whisker, colour.stroke_width(3))])?;
            let dot = Circle::new((value.median, at), 5, colour.filled());
            chart.draw_series([dot])?;
            let (_, middle) = chart.backend_coord(&(1.0, at));
            let end = i32::try_from(MARGIN + NAMES - 10)?;
            write(&root, name, (end, middle), HPos::Right, false)?;
            let number = format!("{:.3}", value.median);
            let end = i32::try_from(WIDTH - MARGIN)?;
            write(&root, &number, (end, middle), HPos::Right, false)?;
        }
    }
    root.present()?;
    Ok(())
}

/// All medians with room beside them; an interval that reaches far beyond is cut off there.
fn ratio_range(groups: &[Group]) -> Range<f64> {
    let values = || {
        groups
            .iter()
            .flat_map(|group| &group.rows)
            .map(|(_, value)| value)
    };
    let (low, high) = ends(values().map(|value| value.median).chain([1.0]));
    let room = (high - low) / 4.0;
    let (least, greatest) = ends(values().flat_map(|value| [value.low, value.high]));
    let margin = room / 10.0;
    least.clamp(low - room, low) - margin..greatest.clamp(high, high + room) + margin
}

/// The names of all rows, each once.
fn names(groups: &[Group]) -> Vec<&String> {
    let mut names = Vec::new();
    for (name, _) in groups.iter().flat_map(|group| &group.rows) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn colour(index: Option<usize>) -> RGBColor {
    COLOURS[index.unwrap_or_default() % COLOURS.len()]
}

/// A line of a chart: its name, and its values at each x.
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, Value)>,
}

/// Values against a number, on a logarithmic axis; the other axis begins at 0.
pub fn lines(path: &Path, title: &str, axes: [&str; 2], lines: &[Line]) -> Result<(), Failure> {
    let root = page(path, title, 380)?;
    let points = || lines.iter().flat_map(|line| &line.points);
    let (first, last) = ends(points().map(|(x, _)| *x));
    // From a power of ten, so that the axis names those only.
    let first = 10_f64.powf(first.log10().floor());
    let (_, highest) = ends(points().map(|(_, value)| value.median));
    // Room for the names; an interval that reaches further is cut off there.
    let top = highest * 1.4;
    let mut chart = ChartBuilder::on(&root)
        .margin(MARGIN)
        .margin_top(TITLE)
        .set_label_area_size(LabelAreaPosition::Left, 70)
        .set_label_area_size(LabelAreaPosition::Bottom, AXIS)
        .build_cartesian_2d((first / 1.2..last * 1.2).log_scale(), 0.0..top)?;
    let [x_axis, y_axis] = axes;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT)
        .axis_style(FAINT)
        .x_label_formatter(&|value| format!("{value:.0}"))
        .x_desc(x_axis)
        .y_desc(y_axis)
        .label_style((FONT, 13, &INK))
        .draw()?;
    for (index, line) in lines.iter().enumerate() {
        let colour = colour(Some(index));
        let middle = line.points.iter().map(|(x, value)| (*x, value.median));
        let path = PathElement::new(middle.clone().collect::<Vec<_>>(), colour.stroke_width(2));
        chart
            .draw_series([path])?
            .label(&line.name)
            .legend(move |(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
        chart.draw_series(line.points.iter().map(|(x, value)| {
            let whisker = [(*x, value.low), (*x, value.high.min(top))];
            PathElement::new(whisker, colour.stroke_width(3))
        }))?;
        chart.draw_series(middle.map(|at| Circle::new(at, 4, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .label_font((FONT, 13, &INK))
        .draw()?;
    root.present()?;
    Ok(())
}

fn page<'a>(path: &'a Path, title: &str, height: u32) -> Result<Area<'a>, Failure> {
    let root = SVGBackend::new(path, (WIDTH, height)).into_drawing_area();
    root.fill(&WHITE)?;
    let left = i32::try_from(MARGIN)?;
    write(
        &root,
        title,
        (left, i32::try_from(TITLE / 2)?),
        HPos::Left,
        true,
    )?;
    Ok(root)
}

fn write(root: &Area, text: &str, at: (i32, i32), side: HPos, bold: bool) -> Result<(), Failure> {
    let style = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    let style = (FONT, 13, style, &INK).into_text_style(root);
    let style = style.pos(Pos::new(side, VPos::Center));
    root.draw(&Text::new(text.to_owned(), at, style))?;
    Ok(())
}

/// The least and the greatest.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::MAX, f64::MIN), |(low, high), value| {
        (low.min(value), high.max(value))
    })
}
