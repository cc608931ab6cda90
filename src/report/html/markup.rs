//! Text as HTML: escaped, with words in backticks as code; and the Markdown of a rule's page, as far as pages use it.

use crate::report::palette::clean;

/// Text as it may stand in a page, in an attribute too.
pub(in crate::report) fn escaped(text: &str) -> String {
    clean(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A sentence with its words in backticks as code.
pub(in crate::report) fn prose(text: &str) -> String {
    if text.matches('`').count() % 2 == 1 {
        return escaped(text);
    }
    let piece = |(index, piece): (usize, &str)| match index % 2 {
        1 => format!("<code>{}</code>", escaped(piece)),
        _ => escaped(piece),
    };
    text.split('`').enumerate().map(piece).collect()
}

/// The page of a rule without its title: headings, paragraphs, lists, tables and blocks of code.
pub(super) fn page(markdown: &str) -> String {
    let mut html = String::new();
    let mut lines = markdown.lines().skip(1).peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code: Vec<String> = lines.by_ref().take_while(|line| !line.starts_with("```")).map(escaped).collect();
            html += &format!("<pre>{}</pre>\n", code.join("\n"));
        } else if let Some(title) = line.strip_prefix("## ") {
            html += &format!("<h4>{}</h4>\n", inline(title));
        } else if let Some(first) = line.strip_prefix("- ") {
            let mut items = vec![first.to_owned()];
            while let Some(next) = lines.next_if(|next| next.starts_with("- ") || next.starts_with("  ")) {
                match (next.strip_prefix("- "), items.last_mut()) {
                    (None, Some(last)) => *last = format!("{last} {}", next.trim()),
                    (item, _) => items.push(item.unwrap_or(next).to_owned()),
                }
            }
            html += &format!(
                "<ul>{}</ul>\n",
                items.iter().map(|item| format!("<li>{}</li>", inline(item))).collect::<String>()
            );
        } else if line.starts_with('|') {
            let mut rows = vec![line];
            while let Some(next) = lines.next_if(|next| next.starts_with('|')) {
                rows.push(next);
            }
            html += &table(&rows);
        } else if !line.trim().is_empty() {
            let mut words = vec![line];
            let starts_other = |next: &str| ["#", "```", "|", "- "].iter().any(|sign| next.starts_with(sign));
            let is_more = |next: &&str| !next.trim().is_empty() && !starts_other(next);
            while let Some(next) = lines.next_if(is_more) {
                words.push(next);
            }
            html += &format!("<p>{}</p>\n", inline(&words.join(" ")));
        }
    }
    html
}

fn table(rows: &[&str]) -> String {
    let is_rule = |row: &&&str| row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' '));
    let cells = |(index, row): (usize, &&str)| {
        let tag = if index == 0 { "th" } else { "td" };
        let cells = row.trim_matches('|').split('|').map(|cell| format!("<{tag}>{}</{tag}>", inline(cell.trim())));
        format!("<tr>{}</tr>", cells.collect::<String>())
    };
    format!("<table>{}</table>\n", rows.iter().filter(|row| !is_rule(row)).enumerate().map(cells).collect::<String>())
}

/// Code, links and strong words within a line.
fn inline(text: &str) -> String {
    let is_paired = text.matches('`').count().is_multiple_of(2);
    let piece = |(index, piece): (usize, &str)| match index % 2 {
        1 if is_paired => format!("<code>{}</code>", escaped(piece)),
        _ => links(piece),
    };
    let pieces: Vec<String> = text.split('`').enumerate().map(piece).collect();
    pieces.join(if is_paired { "" } else { "`" })
}

fn links(text: &str) -> String {
    let Some((before, rest)) = text.split_once('[') else { return strong(text) };
    let parts = rest.split_once("](").and_then(|(title, rest)| Some((title, rest.split_once(')')?)));
    match parts {
        Some((title, (address, rest))) if address.starts_with("https://") => {
            format!("{}<a href=\"{}\">{}</a>{}", strong(before), escaped(address), strong(title), links(rest))
        }
        // A link within the project leads nowhere from a page that stands alone.
        Some((title, (_, rest))) => format!("{}{}{}", strong(before), strong(title), links(rest)),
        None => strong(text),
    }
}

fn strong(text: &str) -> String {
    let text = escaped(text);
    if text.matches("**").count() % 2 == 1 {
        return text;
    }
    let piece = |(index, piece): (usize, &str)| {
        if index % 2 == 1 { format!("<strong>{piece}</strong>") } else { piece.to_owned() }
    };
    text.split("**").enumerate().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_becomes_markup() {
        assert_eq!(prose("a `<b>` & \"c\""), "a <code>&lt;b&gt;</code> &amp; &quot;c&quot;");
        assert_eq!(prose("`open <i>"), "`open &lt;i&gt;");
    }

    #[test]
    fn a_page_keeps_its_structure() {
        let text = "# id\n\nA [link](https://example.com/?a=1&b) and\n`code` **here**.\n\n## Why\n\n- one\n  more\n- two\n\n```yaml bad\na: <b>\n```\n\n| a | b |\n|---|---|\n| `c` | d |\n";
        let wanted = "\
<p>A <a href=\"https://example.com/?a=1&amp;b\">link</a> and <code>code</code> <strong>here</strong>.</p>
<h4>Why</h4>
<ul><li>one more</li><li>two</li></ul>
<pre>a: &lt;b&gt;</pre>
<table><tr><th>a</th><th>b</th></tr><tr><td><code>c</code></td><td>d</td></tr></table>
";
        assert_eq!(page(text), wanted);
    }
}
