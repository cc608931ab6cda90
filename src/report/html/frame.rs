//! What every page is: one file that needs no other, with our own style and script and nobody else's.

const STYLE: &str = include_str!("style.css");

/// A page that stands alone. `style` comes after the one that all pages have.
pub(in crate::report) fn document(title: &str, style: &str, body: &str, script: &str) -> String {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";
    [
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        &format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n"),
        &format!("<title>{title}</title>\n<style>\n{STYLE}{style}</style>\n</head>\n<body>\n{body}"),
        &format!("<footer><p class=\"quiet\">palisade {}</p></footer>\n", env!("CARGO_PKG_VERSION")),
        &format!("<script>\n{script}</script>\n</body>\n</html>\n"),
    ]
    .concat()
}
