//! What decides whether and how pods get a proxy: the injector's configuration and values, what proxies are told, and the
//! mesh's network plugin (semantics B.1, rows 11, 13 to 17).

use super::workload_selector;
use crate::resource::kubernetes::{LabelSelector, label_selector};
use crate::resource::reader::{Labels, Reader, Text};
use crate::source::{Location, Node, Spanned};

/// A proxy's configuration, of one pod or of all.
#[derive(Clone, Debug, Default)]
pub struct ProxyConfig<'a> {
    /// `NONE` switches capture off.
    pub interception_mode: Option<Text<'a>>,
    /// Another control plane than the mesh's.
    pub discovery_address: Option<Text<'a>>,
    /// `proxyMetadata`: variables of the proxy and of what sets up its redirection.
    pub metadata: Labels<'a>,
}

/// A `ProxyConfig` object as written: the variables of the proxies of a namespace, of some of its pods, or of the mesh.
#[derive(Clone, Debug)]
pub struct ProxyVariables<'a> {
    pub selector: Option<Labels<'a>>,
    pub variables: Labels<'a>,
}

/// Reads a `ProxyConfig` object.
pub(in crate::resource) fn proxy_variables<'a>(reader: &mut Reader, node: Node<'a>) -> Option<ProxyVariables<'a>> {
    let spec = reader.mapping_at(node, "spec")?;
    Some(ProxyVariables {
        selector: workload_selector(reader, spec, "selector", "matchLabels"),
        variables: reader.labels_at(spec, "environmentVariables"),
    })
}

/// Values that hold for all pods that are injected.
#[derive(Clone, Debug, Default)]
pub struct InjectionValues<'a> {
    pub include_ranges: Option<Text<'a>>,
    pub exclude_ranges: Option<Text<'a>>,
    pub include_ports: Option<Text<'a>>,
    pub exclude_ports: Option<Text<'a>>,
    /// Whether proxies start before every other container, as the variable of the control plane has it.
    pub native_sidecars: Option<Text<'a>>,
    /// Whether both families of addresses are looked after, as the variable of the control plane has it.
    pub dual_stack: Option<Text<'a>>,
}

/// What the injector is told.
#[derive(Clone, Debug, Default)]
pub struct Injector<'a> {
    /// `disabled` injects only where a pod asks for it.
    pub policy: Option<Text<'a>>,
    /// Pods that never get a proxy, whatever their namespace says.
    pub never: Vec<LabelSelector<'a>>,
    /// Pods that get one even though the policy is to inject nothing.
    pub always: Vec<LabelSelector<'a>>,
    /// The templates of pods that ask for none.
    pub templates: Vec<Text<'a>>,
    pub values: InjectionValues<'a>,
}

/// What is known of the mesh's network plugin.
#[derive(Clone, Debug, Default)]
pub struct CniConfig<'a> {
    /// Whether it is installed, where something says.
    pub installed: Option<Spanned<bool>>,
    /// Namespaces whose pods it leaves alone.
    pub excluded: Vec<Text<'a>>,
    /// Whether pods that started before it are looked after.
    pub repair: Option<Spanned<bool>>,
}

/// Reads a proxy's configuration.
pub(in crate::resource) fn proxy_config<'a>(reader: &mut Reader, node: Node<'a>) -> ProxyConfig<'a> {
    ProxyConfig {
        interception_mode: reader.text_at(node, "interceptionMode"),
        discovery_address: reader.text_at(node, "discoveryAddress"),
        metadata: reader.labels_at(node, "proxyMetadata"),
    }
}

/// Reads `values` of an installation or of the injector's ConfigMap.
pub(super) fn injection_values<'a>(reader: &mut Reader, values: Node<'a>) -> InjectionValues<'a> {
    let proxy = reader.mapping_under(values, &["global", "proxy"]);
    let text = |reader: &mut Reader, key| {
        let value = proxy.and_then(|proxy| Reader::field(proxy, key));
        value.and_then(|value| reader.text_or_number(value))
    };
    let variables = reader.mapping_under(values, &["pilot", "env"]);
    InjectionValues {
        include_ranges: text(reader, "includeIPRanges"),
        exclude_ranges: text(reader, "excludeIPRanges"),
        include_ports: text(reader, "includeOutboundPorts"),
        exclude_ports: text(reader, "excludeOutboundPorts"),
        native_sidecars: variables.and_then(|variables| flag_text(variables, "ENABLE_NATIVE_SIDECARS")),
        dual_stack: variables.and_then(|variables| flag_text(variables, "ISTIO_DUAL_STACK")),
    }
}

/// A flag that charts take as a boolean or as a text.
fn flag_text<'a>(node: Node<'a>, key: &str) -> Option<Text<'a>> {
    let value = Reader::field(node, key)?;
    Some(Spanned::new(value.text()?, value.at()))
}

/// Reads the two documents in the injector's ConfigMap.
pub(in crate::resource) fn injector<'a>(
    reader: &mut Reader,
    config: Option<Node<'a>>,
    values: Option<Node<'a>>,
) -> Injector<'a> {
    let selectors =
        |reader: &mut Reader, key| config.map(|config| reader.list_at(config, key, label_selector)).unwrap_or_default();
    Injector {
        policy: config.and_then(|config| reader.text_at(config, "policy")),
        never: selectors(reader, "neverInjectSelector"),
        always: selectors(reader, "alwaysInjectSelector"),
        templates: config.map(|config| reader.texts_at(config, "defaultTemplates")).unwrap_or_default(),
        values: values.map(|values| injection_values(reader, values)).unwrap_or_default(),
    }
}

/// Reads the ConfigMap of the network plugin.
pub(in crate::resource) fn cni_config<'a>(reader: &mut Reader, data: Node<'a>) -> CniConfig<'a> {
    let excluded = reader.text_at(data, "EXCLUDE_NAMESPACES");
    let repair = flag_text(data, "REPAIR_ENABLED");
    CniConfig {
        installed: Some(Spanned::new(true, data.head())),
        excluded: excluded.map(listed).unwrap_or_default(),
        repair: repair.and_then(flag),
    }
}

/// Reads what an installation says of the plugin, under its component and its values.
pub(super) fn operator_cni<'a>(
    reader: &mut Reader,
    components: Option<Node<'a>>,
    values: Option<Node<'a>>,
) -> CniConfig<'a> {
    let component = components.and_then(|components| reader.mapping_at(components, "cni"));
    let enabled = component.and_then(|cni| reader.flag_at(cni, "enabled"));
    let of_values = values.and_then(|values| reader.mapping_at(values, "cni"));
    let repair = of_values.and_then(|cni| reader.mapping_at(cni, "repair"));
    CniConfig {
        installed: enabled,
        excluded: of_values.map(|cni| reader.texts_at(cni, "excludeNamespaces")).unwrap_or_default(),
        repair: repair.and_then(|repair| reader.flag_at(repair, "enabled")),
    }
}

fn flag(text: Text<'_>) -> Option<Spanned<bool>> {
    text.value.parse().ok().map(|value| Spanned::new(value, text.at))
}

/// The names in a list that is one text; all have the text's place.
fn listed(text: Text<'_>) -> Vec<Text<'_>> {
    let at: Location = text.at;
    let names = text.value.trim_matches(['[', ']']).split([',', ' ']);
    names
        .map(|name| name.trim_matches(['"', '\'']))
        .filter(|name| !name.is_empty())
        .map(|name| Spanned::new(name, at))
        .collect()
}
