//! Ways out for people: a table of workloads against ways with the number of controls in each cell, then the witnesses.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

use super::first;
use super::listing::{Alike, Cell, Destination, Listing, Row, Stop, Way, alike};
use crate::analysis::capture::Tier;
use crate::analysis::exits::{Class, Exit, Verdict, Via};
use crate::finding::Decision;
use crate::report::hops::hops;
use crate::report::palette::{Palette, clean, wrapped};
use crate::report::{Terminal, counted, estate_title};
use crate::source::Sources;
use crate::traffic::PortSet;

/// How many workloads a line names.
pub(in crate::report) const NAMED: usize = 5;

/// Draws for each estate the table, then what is listed: what is open, what is unknown, what is approved, what is closed.
///
/// # Errors
/// What the writer reports.
pub fn terminal(
    listings: &[Listing<'_>],
    sources: &Sources,
    options: &Terminal,
    out: &mut dyn Write,
) -> io::Result<()> {
    let options = Terminal { width: options.width.clamp(40, 160), ..*options };
    let palette = Palette::new(options.color);
    // Estates without workloads that were asked for say nothing, unless all do.
    let asked: Vec<&Listing<'_>> = listings.iter().filter(|listing| !listing.rows.is_empty()).collect();
    if asked.is_empty() {
        return writeln!(out, "no application workload to look at");
    }
    for (number, listing) in asked.into_iter().enumerate() {
        if number > 0 {
            writeln!(out)?;
        }
        if !listing.name.is_empty() {
            write!(out, "{}\n\n", palette.bold(&estate_title(listing.name)))?;
        }
        of_estate(listing, sources, &options, out)?;
    }
    Ok(())
}

fn of_estate(listing: &Listing<'_>, sources: &Sources, options: &Terminal, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette::new(options.color);
    let mut add = |text: String| out.write_all(text.as_bytes());
    add(table(listing, options))?;
    if !options.quiet {
        add(first::drawn(&listing.first, options))?;
    }
    for told in told_once(listing, Verdict::Open, false) {
        add(drawn(&told, listing, sources, options))?;
    }
    add(undecided(listing, palette, options))?;
    add(approved_ways(listing, sources, options))?;
    for told in told_once(listing, Verdict::Closed, false) {
        add(drawn(&told, listing, sources, options))?;
    }
    if !options.quiet {
        add(summary(listing, palette))?;
    }
    Ok(())
}

/// Ways that are alike hop by hop, over whichever protocols and to whichever of a namespace's workloads: told once.
struct Told {
    /// Never empty.
    workloads: Vec<usize>,
    /// As the first of the workloads takes them.
    exits: Vec<Arc<Exit>>,
}

impl Told {
    /// The ways in words.
    fn ways(&self, listing: &Listing<'_>) -> Vec<Way> {
        let first = self.workloads.first();
        first.into_iter().flat_map(|&first| self.exits.iter().map(move |exit| listing.way(exit, first))).collect()
    }
}

fn told_once(listing: &Listing<'_>, verdict: Verdict, approved: bool) -> Vec<Told> {
    let mut all: Vec<Told> = Vec::new();
    let namespace = |row: &Row| row.workloads.first().map(|&workload| listing.namespace_of(workload));
    for rows in listing.rows.chunk_by(|one, next| namespace(one) == namespace(next)) {
        let mut known: BTreeMap<Alike, usize> = BTreeMap::new();
        for (row, &workload) in rows.iter().flat_map(|row| row.workloads.iter().map(move |workload| (row, workload))) {
            for exit in row.exits.iter().filter(|exit| exit.verdict == verdict && exit.approved == approved) {
                let index = *known.entry(alike(exit, listing.witness(exit, workload))).or_insert(all.len());
                if index == all.len() {
                    all.push(Told { workloads: Vec::new(), exits: Vec::new() });
                }
                let told = &mut all[index];
                named_once(&mut told.workloads, workload, listing);
                // The other workloads have the same ways.
                if told.workloads == [workload] {
                    told.exits.push(Arc::clone(exit));
                }
            }
        }
    }
    all.sort_by_key(|told| told.exits.first().map(|exit| exit.tier));
    all
}

/// What is meant to be open: names and destinations, and the hops only where more is asked for.
fn approved_ways(listing: &Listing<'_>, sources: &Sources, options: &Terminal) -> String {
    let all = told_once(listing, Verdict::Open, true);
    if options.verbose {
        return all.iter().map(|told| drawn(told, listing, sources, options)).collect();
    }
    let palette = Palette::new(options.color);
    let mut by_way: BTreeMap<(Via, String), Vec<usize>> = BTreeMap::new();
    for told in &all {
        let Some(exit) = told.exits.first() else { continue };
        by_way.entry((exit.via, leads(&told.ways(listing)))).or_default().extend(&told.workloads);
    }
    let mut text = String::new();
    for ((via, leads), workloads) in by_way {
        text.push_str(&format!("{} {}, {leads}\n", palette.green("approved"), via.as_str()));
        for line in wrapped(&names(&workloads, listing), options.width - 2) {
            text.push_str(&format!("  {line}\n"));
        }
        text.push('\n');
    }
    text
}

/// The first few names, and how many there are besides.
pub(in crate::report) fn few<N: AsRef<str>>(names: impl ExactSizeIterator<Item = N>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let named = names.take(NAMED).map(|name| clean(name.as_ref()).into_owned()).collect::<Vec<_>>().join(", ");
    if more == 0 { named } else { format!("{named} and {more} more") }
}

/// Adds a workload, unless the last one has its name: copies of an estate stand in one input.
fn named_once(workloads: &mut Vec<usize>, workload: usize, listing: &Listing<'_>) {
    let has_its_name = |&last: &usize| last == workload || listing.name_of(last) == listing.name_of(workload);
    if !workloads.last().is_some_and(has_its_name) {
        workloads.push(workload);
    }
}

/// The first few of some workloads.
fn names(workloads: &[usize], listing: &Listing<'_>) -> String {
    few(workloads.iter().map(|&workload| listing.name_of(workload)))
}

/// The first workload of a row, and how many are alike.
fn named(first: &str, row: &Row) -> String {
    match row.workloads.len() {
        0 | 1 => first.to_owned(),
        more => format!("{first} and {} alike", more - 1),
    }
}

/// What a cell says in the worst case, and its looks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    Open,
    Unknown,
    Approved,
    Closed,
}

/// The letter of an attacker in the table.
fn letter(tier: Tier) -> char {
    match tier {
        Tier::Application => 'a',
        Tier::CodeExecution => 'c',
        Tier::Tenant => 't',
        Tier::NodeRoot => 'r',
    }
}

/// The cells of a way that the table speaks of: where pods get their own identity from is no way out.
fn of_way(row: &Row, via: Via) -> Vec<&Cell> {
    row.cells.iter().filter(|cell| cell.via == via && cell.class != Class::Metadata).collect()
}

/// One cell: what is open and to whom; else how many controls stop code that runs in the pod, and who meets fewer.
fn cell(cells: &[&Cell]) -> (Look, String) {
    let of = |verdict, approved| {
        cells.iter().filter(move |cell| cell.verdict == verdict && cell.approved == approved).map(|cell| cell.tier)
    };
    let open = of(Verdict::Open, false).min();
    if let Some(tier) = open.filter(|tier| *tier <= Tier::CodeExecution) {
        return (Look::Open, format!("open {}", letter(tier)));
    }
    let unknown = of(Verdict::Unknown, false).min();
    if let Some(tier) = unknown.filter(|tier| *tier <= Tier::CodeExecution) {
        return (Look::Unknown, format!("? {}", letter(tier)));
    }
    let closed = cells.iter().filter(|cell| cell.verdict == Verdict::Closed);
    let against_code = closed.clone().filter(|cell| cell.tier <= Tier::CodeExecution).map(|cell| cell.controls).min();
    let count = against_code.or_else(|| closed.map(|cell| cell.controls).min());
    let approved = of(Verdict::Open, true).min();
    let (look, base) = match (count, approved) {
        (_, Some(_)) => (Look::Approved, "ok".to_owned()),
        (Some(count), None) => (Look::Closed, count.to_string()),
        (None, None) => (Look::Closed, "-".to_owned()),
    };
    match (open, unknown) {
        (Some(tier), _) => (Look::Open, format!("{base}, open {}", letter(tier))),
        (None, Some(tier)) => (Look::Unknown.min(look), format!("{base}, ? {}", letter(tier))),
        (None, None) => (look, base),
    }
}

fn table(listing: &Listing<'_>, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let has = |via: &Via| listing.rows.iter().any(|row| !of_way(row, *via).is_empty());
    let vias: Vec<Via> = Via::ALL.into_iter().filter(has).collect();
    // Rows that say the same of one namespace are one line.
    let mut lines: Vec<(String, Vec<(Look, String)>)> = Vec::new();
    for row in &listing.rows {
        let Some(&first) = row.workloads.first() else { continue };
        let cells = vias.iter().map(|via| cell(&of_way(row, *via)));
        lines.push((clean(&named(&listing.name_of(first), row)).into_owned(), cells.collect()));
    }
    let name_width = lines.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).max("workload".len());
    let widths: Vec<usize> = (0..vias.len())
        .map(|column| {
            let cells = lines.iter().filter_map(|(_, cells)| cells.get(column)).map(|(_, text)| text.len());
            cells.max().unwrap_or(0).max(vias[column].as_str().len())
        })
        .collect();
    let mut text = format!("{:<name_width$}", "workload");
    for (via, width) in vias.iter().zip(&widths) {
        text.push_str(&format!("  {:<width$}", via.as_str()));
    }
    text = format!("{}\n", palette.bold(text.trim_end()));
    for (name, cells) in &lines {
        let mut line = format!("{name:<name_width$}");
        for ((look, said), width) in cells.iter().zip(&widths) {
            let padding = " ".repeat(width - said.len());
            let painted = match look {
                Look::Open => palette.red(said),
                Look::Unknown => palette.cyan(said),
                Look::Approved | Look::Closed => palette.green(said),
            };
            line.push_str(&format!("  {painted}{padding}"));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let legend = "a number is how many controls stop code that runs in the pod, each for itself; ok is approved; ? is \
                  undecided; a application, c code in the pod, t tenant, r root on its node";
    for line in wrapped(legend, options.width) {
        text.push_str(&palette.dim(&line));
        text.push('\n');
    }
    text.push('\n');
    text
}

/// Ways that are alike with their hops.
fn drawn(told: &Told, listing: &Listing<'_>, sources: &Sources, options: &Terminal) -> String {
    let palette = Palette::new(options.color);
    let ways = told.ways(listing);
    let Some(Way { exit, witness, .. }) = ways.first() else { return String::new() };
    let verdict = match (exit.verdict, exit.approved) {
        (Verdict::Open, true) => palette.green("approved"),
        (Verdict::Open, false) => palette.red("open"),
        (Verdict::Closed, _) => palette.green(&format!("closed by {}", counted(exit.cut().count(), "control"))),
        (Verdict::Unknown, _) => palette.cyan("unknown"),
    };
    let said = format!("{} {}, {}", exit.via.as_str(), attacker(exit.tier), leads(&ways));
    let mut text = format!("{} {}\n", verdict, palette.bold(&names(&told.workloads, listing)));
    for line in wrapped(&said, options.width - 2) {
        text.push_str(&format!("  {line}\n"));
    }
    text + &hops(witness, sources, options) + "\n"
}

pub(super) fn attacker(tier: Tier) -> &'static str {
    match tier {
        Tier::Application => "to the application",
        Tier::CodeExecution => "to code that runs in it",
        Tier::Tenant => "to its tenant",
        Tier::NodeRoot => "to root on its node",
    }
}

/// Where ways lead that differ in their protocols alone, such as `TCP 443 to the internet`.
fn leads(ways: &[Way]) -> String {
    let Some(Way { exit, .. }) = ways.first() else { return String::new() };
    let destinations: Vec<&Destination> = ways.iter().flat_map(|way| &way.destinations).collect();
    leads_to(exit.class, exit.host.as_deref(), &destinations)
}

/// Where traffic leads, such as `TCP 443 to the internet`.
pub(in crate::report) fn leads_to(class: Class, host: Option<&str>, destinations: &[&Destination]) -> String {
    let to = place(class, host);
    let mut spoken: Vec<String> = destinations.iter().map(|destination| protocol(destination)).collect();
    spoken.dedup();
    format!("{} to {to}{}", spoken.join(", "), addresses(destinations))
}

/// What a way leads to, such as `the internet`.
pub(in crate::report) fn place(class: Class, host: Option<&str>) -> String {
    match (class, host) {
        (_, Some(host)) => clean(host).into_owned(),
        (Class::Internet, _) => "the internet".to_owned(),
        (Class::InternetV6, _) => "the internet over IPv6".to_owned(),
        (Class::GoogleApi, _) => "Google's APIs".to_owned(),
        (Class::Metadata, _) => "the metadata server".to_owned(),
        (Class::Private, _) => "private networks".to_owned(),
        (Class::Dns, _) => "resolvers".to_owned(),
        (Class::Host, None) => "a host".to_owned(),
    }
}

fn protocol(destination: &Destination) -> String {
    match destination.ports.as_ref().filter(|ports| !is_almost_all(ports)) {
        Some(ports) => format!("{} {ports}", destination.protocol),
        None => destination.protocol.to_string(),
    }
}

/// Everything but mail, which Google holds back by itself.
fn is_almost_all(ports: &PortSet) -> bool {
    ports.is_all() || ports.union(&PortSet::single(25)).is_all()
}

/// The addresses, where they are few.
fn addresses(destinations: &[&Destination]) -> String {
    let all: Vec<String> = destinations.iter().filter_map(|to| Some(to.addresses.as_ref()?.cidr_text())).collect();
    match all.as_slice() {
        [first, ..] if first.len() < 60 && all.iter().all(|other| other == first) => format!(", {first}"),
        _ => String::new(),
    }
}

/// What the same layers leave undecided is said once, with all whom it concerns.
fn undecided(listing: &Listing<'_>, palette: Palette, options: &Terminal) -> String {
    type Key = (Via, Tier, Class, Vec<&'static str>);
    let mut known: BTreeMap<Key, (String, Vec<usize>)> = BTreeMap::new();
    for (row, &workload) in
        listing.rows.iter().flat_map(|row| row.workloads.iter().map(move |workload| (row, workload)))
    {
        for exit in row.exits.iter().filter(|exit| exit.verdict == Verdict::Unknown) {
            let layers = exit.gaps().map(|step| step.control.as_str()).collect();
            let said = || {
                let way = listing.way(exit, workload);
                let reasons = way.stops(Decision::Unknown).map(reason).collect::<Vec<_>>().join("; ");
                format!("{}: {reasons}", leads(&[way]))
            };
            let (_, workloads) =
                known.entry((exit.via, exit.tier, exit.class, layers)).or_insert_with(|| (said(), Vec::new()));
            named_once(workloads, workload, listing);
        }
    }
    let mut text = String::new();
    for ((via, tier, ..), (said, workloads)) in known {
        text.push_str(&format!("{} {} {}\n", palette.cyan("unknown"), via.as_str(), attacker(tier)));
        let names = names(&workloads, listing);
        for line in wrapped(&said, options.width - 2).iter().chain(&wrapped(&names, options.width - 2)) {
            text.push_str(&format!("  {line}\n"));
        }
        text.push('\n');
    }
    text
}

fn reason(stop: Stop<'_>) -> String {
    format!("{}, {}", stop.layer.as_str(), clean(stop.reason))
}

fn summary(listing: &Listing<'_>, palette: Palette) -> String {
    let ways = |verdict, approved| {
        let of_row = |row: &Row| {
            let is_meant = |exit: &&Arc<Exit>| exit.verdict == verdict && exit.approved == approved;
            row.exits.iter().filter(is_meant).count() * row.workloads.len()
        };
        listing.rows.iter().map(of_row).sum::<usize>()
    };
    let workloads = listing.rows.iter().map(|row| row.workloads.len()).sum::<usize>();
    let counts = [
        ("open", ways(Verdict::Open, false)),
        ("unknown", ways(Verdict::Unknown, false)),
        ("approved", ways(Verdict::Open, true)),
        ("closed", ways(Verdict::Closed, false)),
    ];
    let counts = counts.iter().filter(|(_, count)| *count > 0).map(|(word, count)| format!("{count} {word}"));
    let counts = counts.collect::<Vec<_>>().join(", ");
    let counts = if counts.is_empty() { "no way out is open or unknown".to_owned() } else { counts };
    format!("{} {}, {counts}\n", palette.dim("ways out of"), counted(workloads, "workload"))
}
