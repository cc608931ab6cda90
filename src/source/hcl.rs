//! Terraform's own language into the table of nodes. Blocks are laid out as lists, as in Terraform's JSON, so that one
//! reader serves both. Literals, `local` values and the defaults of variables are put in place; whatever needs more stays an
//! expression `${…}`: unknown, at its place. This is the one file that names the HCL crate.

use std::cell::Cell;

use hcl_edit::Span as _;
use hcl_edit::expr::{Expression, Object, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::structure::{Attribute, Block, Body};
use hcl_edit::template::Element;
use rustc_hash::{FxHashMap, FxHashSet};

use super::parse::Outcome;
use super::place::{Source, SourceId, Span, as_offset, folder, folder_beside};
use super::tree::{Builder, Fault, Kind, Value};

/// How many values that stand for other values are followed.
const MAX_DEPTH: usize = 32;
/// How many values of a folder are followed in all: values that use others twice, over and over, would grow without end.
const MAX_STEPS: usize = 100_000;
/// The longest text that is put together, in bytes.
const MAX_TEXT: usize = 1 << 16;
/// The words that start a block of a configuration.
const BLOCKS: [&str; 14] = [
    "resource",
    "data",
    "module",
    "variable",
    "locals",
    "output",
    "provider",
    "terraform",
    "moved",
    "import",
    "removed",
    "check",
    "ephemeral",
    "action",
];

/// Whether a text is Terraform's language: by what it starts with, or by its name where it holds nothing but settings.
pub(super) fn is_terraform(source: &Source) -> bool {
    let ending = source.path().rsplit_once('.').map_or("", |(_, ending)| ending);
    let text = source.text().trim_start_matches('\u{feff}');
    let is_code =
        |line: &&str| !(line.is_empty() || ["#", "//", "/*", "*"].iter().any(|start| line.starts_with(start)));
    let first = text.lines().map(str::trim).find(is_code).unwrap_or_default();
    let (word, rest) = first.split_once([' ', '\t']).unwrap_or((first, ""));
    let starts_block = BLOCKS.contains(&word) && rest.trim_start().starts_with(['"', '{']) && rest.contains('{');
    starts_block || matches!(ending, "tf" | "tfvars" | "hcl" | "tofu")
}

/// Reads configuration files together: the values of a folder belong to all of its files.
pub(super) fn read<'s>(sources: &[&'s Source]) -> Vec<(SourceId, Outcome<'s>)> {
    let parsed: Vec<(&'s Source, Result<Body, Fault>)> = sources.iter().map(|source| (*source, body(source))).collect();
    let folders = Folders::new(&parsed);
    let outcome = |(source, parsed): &(&'s Source, Result<Body, Fault>)| {
        let mut outcome = Outcome::default();
        match parsed {
            Err(fault) => outcome.faults.push(fault.clone()),
            Ok(body) => {
                let scope = folders.scope(source);
                let mut writer = Writer { builder: Builder::new(source), scope, offset: offset(source) };
                writer.comments(source);
                match writer.root(body, source).and_then(|()| writer.builder.finish()) {
                    Ok(built) => outcome.add(built.filter(|_| !body.is_empty())),
                    Err(fault) => outcome.faults.push(fault),
                }
            }
        }
        (source.id(), outcome)
    };
    parsed.iter().map(outcome).collect()
}

/// The bytes of a byte-order mark, which the parser does not take.
fn offset(source: &Source) -> usize {
    if source.text().starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

fn body(source: &Source) -> Result<Body, Fault> {
    let offset = offset(source);
    let text = source.text().get(offset..).unwrap_or_default();
    hcl_edit::parser::parse_body(text).map_err(|error| {
        let start = as_offset((offset + error.location().offset()).min(source.text().len()));
        let next = source.text().get(start as usize..).and_then(|rest| rest.chars().next());
        let end = start + as_offset(next.map_or(0, char::len_utf8));
        let reason = if text.contains("{{") {
            "a template, not Terraform: fill it in first, and audit what comes out".to_owned()
        } else {
            format!("not Terraform: {}", error.message().replace('\n', "; "))
        };
        Fault { span: Span::new(start, end), reason }
    })
}

/// What the names of a folder stand for.
#[derive(Default)]
struct Scope<'p> {
    locals: FxHashMap<&'p str, &'p Expression>,
    variables: FxHashMap<&'p str, &'p Expression>,
    /// Variables that a module's caller sets: their defaults do not hold.
    set_by_caller: FxHashSet<&'p str>,
    steps: Cell<usize>,
}

struct Folders<'p> {
    scopes: FxHashMap<&'p str, Scope<'p>>,
    empty: Scope<'p>,
}

impl<'p> Folders<'p> {
    fn new(parsed: &'p [(&Source, Result<Body, Fault>)]) -> Self {
        let mut folders = Self { scopes: FxHashMap::default(), empty: Scope::default() };
        let mut given: Vec<(&'p str, &'p Attribute)> = Vec::new();
        let mut calls: Vec<(String, &'p Body)> = Vec::new();
        for (source, body) in parsed {
            let Ok(body) = body else { continue };
            let (path, own) = (source.path(), folder(source.path()));
            let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
            let scope = folders.scopes.entry(own).or_default();
            for block in body.blocks() {
                match block.ident.as_str() {
                    "locals" => {
                        scope.locals.extend(block.body.attributes().map(|one| (one.key.as_str(), &one.value)));
                    }
                    "variable" => {
                        let default = block.body.get_attribute("default");
                        if let (Some(name), Some(default)) = (block.labels.first(), default) {
                            scope.variables.entry(name.as_str()).or_insert(&default.value);
                        }
                    }
                    "module" => {
                        let source = block.body.get_attribute("source").and_then(|source| source.value.as_str());
                        calls.extend(source.and_then(|source| folder_beside(own, source)).map(|to| (to, &block.body)));
                    }
                    _ => {}
                }
            }
            // Values that Terraform loads by itself, before or after the folder's own blocks are seen.
            if name == "terraform.tfvars" || name.ends_with(".auto.tfvars") {
                given.extend(body.attributes().map(|one| (own, one)));
            }
        }
        for (own, one) in given {
            folders.scopes.entry(own).or_default().variables.insert(one.key.as_str(), &one.value);
        }
        for (to, arguments) in calls {
            if let Some((_, scope)) = folders.scopes.iter_mut().find(|(folder, _)| **folder == to) {
                scope.set_by_caller.extend(arguments.attributes().map(|one| one.key.as_str()));
            }
        }
        folders
    }

    fn scope(&self, source: &Source) -> &Scope<'p> {
        self.scopes.get(folder(source.path())).unwrap_or(&self.empty)
    }
}

impl<'p> Scope<'p> {
    /// The expression that a name such as `local.ports` or `var.network.name` stands for.
    fn resolve(&self, traversal: &'p Traversal) -> Option<&'p Expression> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > MAX_STEPS {
            return None;
        }
        let Expression::Variable(root) = &traversal.expr else { return None };
        let mut operators = traversal.operators.iter().map(hcl_edit::Decorated::value);
        let Some(TraversalOperator::GetAttr(name)) = operators.next() else { return None };
        let mut found = match root.as_str() {
            "local" => self.locals.get(name.as_str()).copied(),
            "var" if !self.set_by_caller.contains(name.as_str()) => self.variables.get(name.as_str()).copied(),
            _ => None,
        }?;
        for operator in operators {
            found = match operator {
                TraversalOperator::GetAttr(key) => member(found.as_object()?, key.as_str())?,
                TraversalOperator::Index(index) => match index {
                    Expression::String(key) => member(found.as_object()?, key.as_str())?,
                    Expression::Number(number) => {
                        found.as_array()?.get(usize::try_from(number.value().as_u64()?).ok()?)?
                    }
                    _ => return None,
                },
                _ => return None,
            };
        }
        Some(found)
    }

    /// A literal text, number or boolean that an expression comes down to.
    fn literal(&self, expression: &'p Expression, depth: usize) -> Option<String> {
        match expression {
            Expression::String(text) => Some(text.as_str().to_owned()),
            Expression::Bool(value) => Some(value.value().to_string()),
            Expression::Number(number) => Some(number.value().to_string()),
            Expression::Parenthesis(inner) => self.literal(inner.inner(), depth),
            Expression::StringTemplate(template) => self.template(template.iter(), depth),
            Expression::HeredocTemplate(heredoc) => self.template(heredoc.template.iter(), depth),
            Expression::Traversal(traversal) if depth < MAX_DEPTH => self.literal(self.resolve(traversal)?, depth + 1),
            Expression::Conditional(choice) if depth < MAX_DEPTH => {
                let branch = match self.literal(&choice.cond_expr, depth + 1)?.as_str() {
                    "true" => &choice.true_expr,
                    "false" => &choice.false_expr,
                    _ => return None,
                };
                self.literal(branch, depth + 1)
            }
            _ => None,
        }
    }

    fn template(&self, elements: impl Iterator<Item = &'p Element>, depth: usize) -> Option<String> {
        let mut text = String::new();
        for element in elements {
            match element {
                Element::Literal(literal) => text.push_str(literal.as_str()),
                Element::Interpolation(inner) => text.push_str(&self.literal(&inner.expr, depth)?),
                Element::Directive(_) => return None,
            }
            if text.len() > MAX_TEXT {
                return None;
            }
        }
        Some(text)
    }
}

fn member<'p>(object: &'p Object, key: &str) -> Option<&'p Expression> {
    let is_it = |(name, _): &(&ObjectKey, _)| key_text(name).as_deref() == Some(key);
    object.iter().find(is_it).map(|(_, value)| value.expr())
}

fn key_text(key: &ObjectKey) -> Option<String> {
    match key {
        ObjectKey::Expression(Expression::String(text)) => Some(text.as_str().to_owned()),
        ObjectKey::Ident(name) => Some(name.as_str().to_owned()),
        ObjectKey::Expression(expression) => expression.as_variable().map(|name| name.as_str().to_owned()),
    }
}

/// A key that is an expression, in its own words.
fn key_words(key: &ObjectKey) -> String {
    match key {
        ObjectKey::Ident(name) => name.as_str().to_owned(),
        ObjectKey::Expression(expression) => expression.to_string().trim().to_owned(),
    }
}

/// Writes one file's table.
struct Writer<'s, 'p> {
    builder: Builder<'s>,
    scope: &'p Scope<'p>,
    offset: usize,
}

impl<'p> Writer<'_, 'p> {
    fn span(&self, range: Option<std::ops::Range<usize>>) -> Span {
        let range = range.unwrap_or_default();
        Span::new(as_offset(range.start + self.offset), as_offset(range.end + self.offset))
    }

    /// Comments that start with `#`, where settings for single lines stand.
    fn comments(&mut self, source: &Source) {
        let mut start = 0;
        for line in source.text().split_inclusive('\n') {
            let code = line.trim_end_matches(['\n', '\r']);
            let is_comment = |at: &usize| code[..*at].matches('"').count() % 2 == 0;
            if let Some(at) = code.find('#').filter(is_comment) {
                self.builder.comment(Span::new(as_offset(start + at), as_offset(start + code.len())));
            }
            start += line.len();
        }
    }

    /// The blocks of a file by their kind, and the attributes of a file of values.
    fn root(&mut self, body: &'p Body, source: &Source) -> Result<(), Fault> {
        let end = as_offset(source.text().trim_end().len());
        self.builder.open(Kind::Mapping, as_offset(self.offset))?;
        for attribute in body.attributes() {
            self.attribute(attribute)?;
        }
        for (ident, blocks) in grouped(body) {
            let span = self.span(blocks.first().and_then(|block| block.ident.span()));
            self.text(ident, span)?;
            self.sequence_of(&blocks, |writer, block| writer.labelled(block, 0))?;
        }
        self.builder.close_exact(end.max(as_offset(self.offset)));
        Ok(())
    }

    fn sequence_of(
        &mut self,
        blocks: &[&'p Block],
        mut write: impl FnMut(&mut Self, &'p Block) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let first = self.span(blocks.first().and_then(|block| block.span()));
        let last = self.span(blocks.last().and_then(|block| block.span()));
        self.builder.open(Kind::Sequence, first.start)?;
        for block in blocks {
            write(self, block)?;
        }
        self.builder.close_exact(last.end);
        Ok(())
    }

    /// A block under its labels: `{type: {name: {…}}}`.
    fn labelled(&mut self, block: &'p Block, depth: usize) -> Result<(), Fault> {
        let whole = self.span(block.span());
        let Some(label) = block.labels.get(depth) else { return self.body(&block.body, whole) };
        let at = self.span(label.span());
        self.builder.open(Kind::Mapping, if depth == 0 { whole.start } else { at.start })?;
        self.text(label.as_str(), at)?;
        self.labelled(block, depth + 1)?;
        self.builder.close_exact(whole.end);
        Ok(())
    }

    fn body(&mut self, body: &'p Body, whole: Span) -> Result<(), Fault> {
        self.builder.open(Kind::Mapping, whole.start)?;
        for attribute in body.attributes() {
            self.attribute(attribute)?;
        }
        for (ident, blocks) in grouped(body) {
            let span = self.span(blocks.first().and_then(|block| block.ident.span()));
            self.text(ident, span)?;
            self.sequence_of(&blocks, |writer, block| {
                let whole = writer.span(block.span());
                if block.ident.as_str() == "dynamic" {
                    let each = block.body.get_attribute("for_each").and_then(|each| each.value.span());
                    let at = each.map_or(whole, |each| writer.span(Some(each)));
                    return writer.text("${dynamic}", at);
                }
                writer.body(&block.body, whole)
            })?;
        }
        self.builder.close_exact(whole.end);
        Ok(())
    }

    fn attribute(&mut self, attribute: &'p Attribute) -> Result<(), Fault> {
        let key = self.span(attribute.key.span());
        self.text(attribute.key.as_str(), key)?;
        let site = self.span(attribute.value.span());
        self.value(&attribute.value, site, true, 0)
    }

    fn text(&mut self, text: &str, span: Span) -> Result<(), Fault> {
        self.builder.scalar(Kind::Text, span, &Value::Decoded(text))
    }

    /// A value. What stands elsewhere gets the place where it is used.
    fn value(&mut self, expression: &'p Expression, site: Span, here: bool, depth: usize) -> Result<(), Fault> {
        match expression {
            Expression::Null(_) => self.builder.scalar(Kind::Plain, site, &Value::Decoded("null")),
            Expression::Bool(_) | Expression::Number(_) => {
                let text = self.scope.literal(expression, depth).unwrap_or_default();
                self.builder.scalar(Kind::Plain, site, &Value::Decoded(&text))
            }
            Expression::Array(array) => {
                self.builder.open(Kind::Sequence, site.start)?;
                for item in array {
                    let at = if here { self.span(item.span()) } else { site };
                    self.value(item, at, here, depth)?;
                }
                self.builder.close_exact(site.end);
                Ok(())
            }
            Expression::Object(object) => self.object(object, site, here, depth),
            Expression::Parenthesis(inner) => self.value(inner.inner(), site, here, depth),
            Expression::Traversal(traversal) if depth < MAX_DEPTH => match self.scope.resolve(traversal) {
                Some(found) => self.value(found, site, false, depth + 1),
                None => self.unknown(expression, site),
            },
            Expression::Conditional(choice) if depth < MAX_DEPTH => {
                match self.scope.literal(&choice.cond_expr, depth).as_deref() {
                    Some("true") => self.value(&choice.true_expr, site, false, depth + 1),
                    Some("false") => self.value(&choice.false_expr, site, false, depth + 1),
                    _ => self.unknown(expression, site),
                }
            }
            other => match self.scope.literal(other, depth) {
                Some(text) => self.text(&text, site),
                None => self.unknown(other, site),
            },
        }
    }

    fn object(&mut self, object: &'p Object, site: Span, here: bool, depth: usize) -> Result<(), Fault> {
        self.builder.open(Kind::Mapping, site.start)?;
        for (key, value) in object {
            let range = match key {
                ObjectKey::Ident(ident) => ident.span(),
                ObjectKey::Expression(expression) => expression.span(),
            };
            let at = if here { self.span(range) } else { site };
            match key_text(key) {
                Some(name) => self.text(&name, at)?,
                None => self.text(&format!("${{{}}}", key_words(key)), at)?,
            }
            let at = if here { self.span(value.expr().span()) } else { site };
            self.value(value.expr(), at, here, depth)?;
        }
        self.builder.close_exact(site.end);
        Ok(())
    }

    /// An expression that the input does not decide, in its own words.
    fn unknown(&mut self, expression: &'p Expression, site: Span) -> Result<(), Fault> {
        let text = match expression {
            Expression::StringTemplate(template) => {
                let words = template.to_string();
                words.trim().trim_matches('"').to_owned()
            }
            other => format!("${{{}}}", other.to_string().trim()),
        };
        self.text(&text, site)
    }
}

/// The blocks of a body by the name of their kind, in the order in which each kind is first seen. A `dynamic` block is one
/// of the kind that it makes.
fn grouped(body: &Body) -> Vec<(&str, Vec<&Block>)> {
    let mut groups: Vec<(&str, Vec<&Block>)> = Vec::new();
    for block in body.blocks() {
        let name = match (block.ident.as_str(), block.labels.first()) {
            ("dynamic", Some(label)) => label.as_str(),
            (ident, _) => ident,
        };
        match groups.iter_mut().find(|(known, _)| *known == name) {
            Some((_, blocks)) => blocks.push(block),
            None => groups.push((name, vec![block])),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::place::Sources;

    fn texts(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let sources = Sources::new(files);
        let list: Vec<&Source> = sources.iter().collect();
        let show = |outcome: Outcome<'_>| {
            outcome.built.iter().map(|built| shown(built.document.root())).collect::<Vec<_>>().join(" ")
        };
        read(&list).into_iter().map(|(_, outcome)| show(outcome)).collect()
    }

    fn shown(node: crate::source::Node<'_>) -> String {
        match node.shape() {
            crate::source::Shape::Scalar => node.text().unwrap_or_default().to_owned(),
            crate::source::Shape::Sequence => {
                format!("[{}]", node.items().map(shown).collect::<Vec<_>>().join(", "))
            }
            crate::source::Shape::Mapping => {
                let entry = |entry: crate::source::Entry<'_>| format!("{}: {}", entry.name(), shown(entry.value));
                format!("{{{}}}", node.entries().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }

    #[test]
    fn values_of_the_folder_are_put_in_place_and_the_rest_stays_an_expression() {
        let read = texts(&[
            (
                "a/main.tf",
                "resource \"x\" \"y\" {\n  a = local.two[1]\n  b = \"${var.name}-z\"\n  c = var.open\n  d = f(1)\n}\n",
            ),
            (
                "a/values.tf",
                "locals {\n  two = [1, true]\n}\nvariable \"name\" {\n  default = \"n\"\n}\nvariable \"open\" {}\n",
            ),
        ]);
        assert_eq!(read[0], "{resource: [{x: {y: {a: true, b: n-z, c: ${var.open}, d: ${f(1)}}}}]}");
    }

    #[test]
    fn what_a_caller_or_a_file_of_values_sets_is_no_default() {
        let read = texts(&[
            ("m/main.tf", "variable \"a\" {\n  default = 1\n}\nresource \"x\" \"y\" {\n  a = var.a\n}\n"),
            (
                "main.tf",
                "module \"m\" {\n  source = \"./m\"\n  a = 2\n}\nvariable \"b\" {\n  default = 1\n}\nresource \"x\" \"z\" {\n  b = var.b\n}\n",
            ),
            ("terraform.tfvars", "b = 3\n"),
        ]);
        assert!(read[0].contains("a: ${var.a}"), "{}", read[0]);
        assert!(read[1].contains("b: 3"), "{}", read[1]);
    }

    #[test]
    fn values_that_use_each_other_end() {
        let mut text = String::from("locals {\n  l0 = [1]\n  loop = local.loop\n");
        for level in 1..40 {
            text.push_str(&format!(
                "  l{level} = [local.l{0}, local.l{0}]\n  t{level} = \"${{local.t{0}}}${{local.t{0}}}\"\n",
                level - 1
            ));
        }
        text.push_str(
            "  t0 = \"xx\"\n}\nresource \"x\" \"y\" {\n  a = local.l30\n  b = local.t30\n  c = local.loop\n}\n",
        );
        assert_eq!(texts(&[("main.tf", &text)]).len(), 1);
    }

    #[test]
    fn blocks_are_lists_and_dynamic_ones_are_open() {
        let read = texts(&[(
            "main.tf",
            "resource \"x\" \"y\" {\n  allow {\n    a = 1\n  }\n  allow {\n    a = 2\n  }\n  dynamic \"allow\" {\n    for_each = var.more\n    content {}\n  }\n}\n",
        )]);
        assert_eq!(read[0], "{resource: [{x: {y: {allow: [{a: 1}, {a: 2}, ${dynamic}]}}}]}");
    }
}
