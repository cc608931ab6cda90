//! The map: who is where, what decides and where it leads, in columns from left to right. The script draws the lines.

use super::{Page, breakable};
use crate::analysis::exits::Control;
use crate::report::graph::{Kind, Look, Node};
use crate::report::html::markup::escaped;
use crate::report::{Place, line_of, object_name};

/// How many nodes of a column are shown at once; the others are folded.
const SHOWN: usize = 12;
/// How many groups of workloads there may be in namespaces that stand open.
const UNFOLDED: usize = 24;

/// A column of the map, in the order in which traffic comes through them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Column {
    Workloads,
    Policies,
    Gateways,
    AtGateway,
    NodePools,
    Firewall,
    Nat,
    Destinations,
}

impl Column {
    const ALL: [Self; 8] = [
        Self::Workloads,
        Self::Policies,
        Self::Gateways,
        Self::AtGateway,
        Self::NodePools,
        Self::Firewall,
        Self::Nat,
        Self::Destinations,
    ];

    fn of(node: &Node) -> Self {
        match (node.kind, node.layer) {
            (Kind::Namespace | Kind::Workloads, _) => Self::Workloads,
            (Kind::Gateway, _) => Self::Gateways,
            (Kind::NodePool, _) | (_, Some(Control::Scheduling)) => Self::NodePools,
            (Kind::Destination, _) | (Kind::Control | Kind::Missing, None) => Self::Destinations,
            (_, Some(Control::NetworkPolicy | Control::Admission)) => Self::Policies,
            (_, Some(Control::Mesh | Control::Authorization)) => Self::AtGateway,
            (_, Some(Control::Firewall)) => Self::Firewall,
            (_, Some(Control::Nat)) => Self::Nat,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Workloads => "Workloads",
            Self::Policies => "Policies",
            Self::Gateways => "Gateways",
            Self::AtGateway => "At the gateway",
            Self::NodePools => "Node pools",
            Self::Firewall => "Firewall",
            Self::Nat => "Out of the VPC",
            Self::Destinations => "Destinations",
        }
    }
}

impl Page<'_> {
    /// All columns that hold something.
    pub(super) fn map(&self) -> String {
        let columns: String = Column::ALL.into_iter().map(|column| self.column(column)).collect();
        format!(
            "<section id=\"map\" aria-labelledby=\"map-title\" tabindex=\"-1\">\n<h2 id=\"map-title\">The estate</h2>\n\
             <p id=\"thinned\" class=\"quiet\" hidden>There are too many lines to draw: only those of open ways are. \
             Choose anything, or filter, to see the others.</p>\n\
             <div class=\"columns\">\n<svg aria-hidden=\"true\"><path></path></svg>\n{columns}</div>\n</section>\n"
        )
    }

    fn column(&self, column: Column) -> String {
        let nodes = self.picture.nodes.iter().enumerate().filter(|(_, node)| Column::of(node) == column);
        let mut nodes: Vec<(usize, &Node)> = nodes.collect();
        if nodes.is_empty() {
            return String::new();
        }
        nodes.sort_by_key(|(index, _)| self.rank(*index));
        let inside = if column == Column::Workloads { self.frames() } else { self.folded(&nodes) };
        format!("<section class=\"column\">\n<h3>{}</h3>\n{inside}</section>\n", column.title())
    }

    /// The worst first; what is on no way last.
    fn rank(&self, node: usize) -> (bool, Option<Look>) {
        (self.looks[node].is_none(), self.looks[node])
    }

    /// The nodes; where there are many, the first of them, and the others folded.
    fn folded(&self, nodes: &[(usize, &Node)]) -> String {
        let (first, rest) = nodes.split_at(SHOWN.min(nodes.len()));
        if rest.len() < 2 {
            return self.listed(nodes);
        }
        let look = self.looks_of(rest);
        let folded = self.listed(rest);
        format!(
            "{}<details><summary class=\"{look}\">{} more</summary>\n{folded}</details>\n",
            self.listed(first),
            rest.len()
        )
    }

    /// The worst of some nodes that stand in their order.
    fn looks_of(&self, nodes: &[(usize, &Node)]) -> &'static str {
        nodes.first().and_then(|(index, _)| self.looks[*index]).map_or("idle", Look::as_str)
    }

    fn listed(&self, nodes: &[(usize, &Node)]) -> String {
        let items: String = nodes.iter().map(|(index, node)| self.node(*index, node)).collect();
        format!("<ul>\n{items}</ul>\n")
    }

    /// The workloads in their namespaces, those with the worst ways first.
    fn frames(&self) -> String {
        let groups = self.picture.nodes.iter().filter(|node| node.kind == Kind::Workloads).count();
        let open = if groups <= UNFOLDED { " open" } else { "" };
        let framed = |(_, namespace, mut inside): (usize, &Node, Vec<(usize, &Node)>)| {
            inside.retain(|(_, node)| node.kind == Kind::Workloads);
            inside.sort_by_key(|(index, _)| self.rank(*index));
            let worst = self.rank(inside.first()?.0);
            let (name, look, count) = (escaped(&namespace.name), self.looks_of(&inside), inside.len());
            let title = format!("<summary class=\"{look}\">{name} <span class=\"quiet\">{count}</span></summary>");
            Some((worst, format!("<details class=\"namespace\"{open}>{title}\n{}</details>\n", self.folded(&inside))))
        };
        let mut frames: Vec<_> = self.picture.namespaces().filter_map(framed).collect();
        frames.sort_by_key(|(worst, _)| *worst);
        frames.into_iter().map(|(_, frame)| frame).collect()
    }

    /// What tells a node from others of its name: its object and the line, else its file, of whose path there is only room
    /// for the end.
    fn distinction(&self, node: &Node) -> Option<String> {
        if matches!(node.kind, Kind::Namespace | Kind::Workloads) {
            return None;
        }
        let at = node.at?;
        let Some(object) = node.object_beside_name() else {
            return line_of(at, self.sources).rsplit('/').next().map(str::to_owned);
        };
        let named = object_name(object);
        // That a network policy is a NetworkPolicy goes without saying.
        let is_said = node.name.replace(' ', "").starts_with(&object.kind.to_lowercase());
        let named = named.split_once(' ').filter(|_| is_said).map_or(named.as_str(), |(_, name)| name);
        Some(format!("{named}, line {}", Place::new(at, self.sources).start.line))
    }

    /// A node, as a link to its lines where it has any.
    fn node(&self, index: usize, node: &Node) -> String {
        let look = self.looks[index].map_or("idle", Look::as_str);
        let more = match node.workloads.len().saturating_sub(1) {
            0 => String::new(),
            more => format!(" and {more} alike"),
        };
        let second = self.distinction(node).map(|line| format!(" <span class=\"place\">{}</span>", breakable(&line)));
        let said = format!("<strong>{}{more}</strong>{}", breakable(node.short_name()), second.unwrap_or_default());
        let kind = node.kind.as_str();
        let link = node.at.and_then(|at| self.link(at));
        let link = link.map_or(String::new(), |link| format!(" href=\"{link}\""));
        let alike = if more.is_empty() {
            String::new()
        } else {
            let names: String = node.workloads.iter().map(|name| format!("<li>{}</li>", escaped(name))).collect();
            format!(
                "<details class=\"alike\"><summary>all {}</summary><ul>{names}</ul></details>",
                node.workloads.len()
            )
        };
        format!("<li><a id=\"n{index}\" class=\"node {kind} {look}\"{link}>{said}</a>{alike}</li>\n")
    }
}
