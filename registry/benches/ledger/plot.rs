//! The growth as a table and a drawing, for the documentation.

use std::fmt::Write;

use super::growth::Row;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;

/// Room for the scales: left and right, above, below.
const SIDE: f64 = 70.0;
const ABOVE: f64 = 40.0;
const BELOW: f64 = 50.0;

/// Lines across the drawing.
const STEPS: u32 = 4;

/// One line of the drawing.
struct Series {
    label: &'static str,
    colour: &'static str,
    values: Vec<f64>,
    /// What the top of its scale is.
    top: f64,
    /// Whether its scale stands left.
    is_left: bool,
}

pub(super) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| names | processor time to execute 1,000 claims | to write them | proof of a name: mean, longest | proof of absence: mean, longest |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        let Row {
            names,
            execute_ms,
            write_ms,
            there,
            absent,
            ..
        } = row;
        writeln!(
            text,
            "| {} | {execute_ms:.0} ms | {write_ms:.0} ms | {}, {} bytes | {}, {} bytes |",
            grouped(*names),
            there.mean,
            there.most,
            absent.mean,
            absent.most,
        )
        .expect("memory");
    }
    text
}

pub(super) fn svg(rows: &[Row]) -> String {
    let of = |value: fn(&Row) -> f64| rows.iter().map(value).collect::<Vec<f64>>();
    let series = |label, colour, values: Vec<f64>, is_left| Series {
        label,
        colour,
        top: top(&values),
        values,
        is_left,
    };
    let time = series(
        "a block of 1,000 claims, ms of processor time",
        "#0072b2",
        of(|row| row.execute_ms + row.write_ms),
        true,
    );
    let proof = series(
        "a proof of a name, bytes",
        "#d55e00",
        of(|row| row.there.mean as f64),
        false,
    );
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <title>Processor time of a block and bytes of a proof by the number of names, which is on a logarithmic scale</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for step in 0..=STEPS {
        let part = f64::from(step) / f64::from(STEPS);
        let y = height(part);
        let _ = writeln!(
            text,
            "<line x1=\"{SIDE}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>",
            WIDTH - SIDE
        );
        for one in [&time, &proof] {
            let (x, anchor) = match one.is_left {
                true => (SIDE - 8.0, "end"),
                false => (WIDTH - SIDE + 8.0, "start"),
            };
            let value = one.top * part;
            write_text(
                &mut text,
                (x, y + 4.0),
                (anchor, one.colour),
                &format!("{value:.0}"),
            );
        }
    }
    for (at, row) in rows.iter().enumerate() {
        let place = (across(at, rows.len()), HEIGHT - BELOW + 20.0);
        write_text(&mut text, place, ("middle", "black"), &grouped(row.names));
    }
    let place = (WIDTH / 2.0, HEIGHT - 10.0);
    write_text(&mut text, place, ("middle", "black"), "names");
    for one in [&time, &proof] {
        draw(&mut text, one);
    }
    text.push_str("</svg>\n");
    text
}

fn draw(text: &mut String, series: &Series) {
    let count = series.values.len();
    let points = series.values.iter().enumerate();
    let points: Vec<(f64, f64)> = points
        .map(|(at, value)| (across(at, count), height(value / series.top)))
        .collect();
    let path: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{x:.1},{y:.1}"))
        .collect();
    let colour = series.colour;
    let _ = writeln!(
        text,
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
        path.join(" ")
    );
    for (x, y) in points {
        let _ = writeln!(
            text,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\" fill=\"{colour}\"/>"
        );
    }
    let (x, anchor) = match series.is_left {
        true => (SIDE, "start"),
        false => (WIDTH - SIDE, "end"),
    };
    write_text(text, (x, ABOVE - 18.0), (anchor, colour), series.label);
}

fn write_text(text: &mut String, (x, y): (f64, f64), (anchor, colour): (&str, &str), words: &str) {
    let _ = writeln!(
        text,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{words}</text>"
    );
}

/// Sizes are a decade apart.
fn across(at: usize, count: usize) -> f64 {
    let steps = count.saturating_sub(1).max(1) as f64;
    SIDE + 20.0 + (WIDTH - 2.0 * SIDE - 40.0) * at as f64 / steps
}

fn height(part: f64) -> f64 {
    HEIGHT - BELOW - (HEIGHT - ABOVE - BELOW) * part
}

/// A round number above all values, which [`STEPS`] divide. Scales begin at nothing, so that what grows little looks it.
fn top(values: &[f64]) -> f64 {
    let most = values.iter().copied().fold(1.0, f64::max);
    let unit = 10_f64.powf(most.log10().floor()) * 0.4;
    (most / unit).ceil() * unit
}

/// 1000000 as 1,000,000.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
