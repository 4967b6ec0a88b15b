//! Lines of a reStructuredText table go in, rows of cells come out.

/// Rows of cells.
pub(super) type Rows = Vec<Vec<String>>;

/// Whether a line is the border of a simple table: runs of `=` with spaces between.
pub(super) fn is_border(line: &str) -> bool {
    line.starts_with("==") && line.contains(' ') && line.bytes().all(|byte| matches!(byte, b'=' | b' '))
}

/// Whether a line is the border of a grid table.
pub(super) fn is_grid(line: &str) -> bool {
    (line.starts_with("+-") || line.starts_with("+=")) && line.bytes().all(|byte| b"+-=".contains(&byte))
}

/// How many of `lines` belong to the simple table that starts with them; none without an end.
pub(super) fn simple_length(lines: &[&str]) -> Option<usize> {
    (1..lines.len()).find_map(|at| {
        let is_last = lines.get(at + 1).is_none_or(|next| next.is_empty());
        (is_border(lines[at]) && is_last).then_some(at + 1)
    })
}

/// The rows of a simple table; a line without a first cell goes on with the row before it.
pub(super) fn simple(lines: &[&str]) -> Rows {
    let Some(border) = lines.first() else { return vec![] };
    let mut starts = Vec::new();
    let mut before = b' ';
    for (at, byte) in border.bytes().enumerate() {
        if byte != b' ' && before == b' ' {
            starts.push(at);
        }
        before = byte;
    }
    let mut rows: Rows = Vec::new();
    for line in &lines[1..] {
        if is_border(line) || line.is_empty() || line.bytes().all(|byte| matches!(byte, b'-' | b' ')) {
            continue;
        }
        let characters: Vec<char> = line.chars().collect();
        let cells: Vec<String> = starts
            .iter()
            .enumerate()
            .map(|(column, start)| {
                let end = starts.get(column + 1).copied().unwrap_or(characters.len()).min(characters.len());
                characters.get(*start..end).unwrap_or_default().iter().collect::<String>().trim().to_owned()
            })
            .collect();
        match rows.last_mut() {
            Some(last) if cells.first().is_some_and(String::is_empty) => {
                for (cell, more) in last.iter_mut().zip(&cells) {
                    join(cell, more);
                }
            }
            _ => rows.push(cells),
        }
    }
    rows
}

/// The rows of a grid table. A cell over several columns stands in the first of them.
pub(super) fn grid(lines: &[&str]) -> Rows {
    let Some(border) = lines.first() else { return vec![] };
    let bounds: Vec<usize> = border.bytes().enumerate().filter(|(_, byte)| *byte == b'+').map(|(at, _)| at).collect();
    let columns = bounds.len().saturating_sub(1);
    let mut rows: Rows = Vec::new();
    let mut row = vec![String::new(); columns];
    for line in &lines[1..] {
        let is_rule = line.starts_with('+') || (line.contains("+-") && line.contains("-+"));
        let characters: Vec<char> = line.chars().collect();
        let mut target = 0;
        for (column, pair) in bounds.windows(2).enumerate() {
            if matches!(characters.get(pair[0]), Some('|' | '+')) {
                target = column;
            }
            let end = pair[1].min(characters.len());
            let piece: String = characters.get(pair[0] + 1..end).unwrap_or_default().iter().collect();
            let piece = piece.trim_matches(['|', ' ']);
            if !piece.chars().all(|c| "-=+".contains(c)) {
                join(&mut row[target], piece);
            }
        }
        if is_rule && row.iter().any(|cell| !cell.is_empty()) {
            rows.push(std::mem::replace(&mut row, vec![String::new(); columns]));
        }
    }
    if row.iter().any(|cell| !cell.is_empty()) {
        rows.push(row);
    }
    rows
}

/// The rows of a list of lists, `* - cell` and `  - cell`.
pub(super) fn list(lines: &[&str]) -> Rows {
    let mut rows: Rows = Vec::new();
    for line in lines {
        let mut rest = line.trim_start();
        if line.starts_with("* ") || *line == "*" {
            rows.push(Vec::new());
            rest = line[1..].trim_start();
        }
        let Some(row) = rows.last_mut() else { continue };
        let depth = line.len() - rest.len();
        match rest.strip_prefix('-').filter(|cell| depth <= 2 && (cell.is_empty() || cell.starts_with(' '))) {
            Some(cell) => row.push(cell.trim().to_owned()),
            None => {
                if let Some(cell) = row.last_mut() {
                    join(cell, rest);
                }
            }
        }
    }
    rows
}

/// The rows of comma-separated text.
pub(super) fn csv(text: &str) -> Rows {
    // A space may stand before a quote, which the library takes for text.
    let text = text.replace(", \"", ",\"");
    let reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let records = reader.into_records().map_while(Result::ok);
    records
        .map(|record| record.iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")).collect())
        .collect()
}

fn join(cell: &mut String, more: &str) {
    let more = more.trim();
    if !cell.is_empty() && !more.is_empty() {
        cell.push(' ');
    }
    cell.push_str(more);
}
