//! An interpreter of the filters that decide about requests in Envoy: role-based access control, and the question to an
//! external authorizer. It knows nothing of policies.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::{LazyLock, Mutex};

use regex::Regex;
use serde_yaml::Value;

/// One request, or connection, with everything that a filter may look at.
#[derive(Clone, Debug)]
pub struct Packet {
    /// The name in the client's certificate.
    pub principal: Option<String>,
    pub source: Ipv4Addr,
    pub remote: Ipv4Addr,
    pub destination: Ipv4Addr,
    pub port: u16,
    pub sni: Option<String>,
    /// Pseudo-headers such as `:authority` included.
    pub headers: BTreeMap<String, String>,
    /// The path of each claim, and its values: one is a text, several are a list.
    pub claims: Option<BTreeMap<Vec<String>, Vec<String>>>,
    /// By filter and key.
    pub metadata: BTreeMap<(String, String), String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Deny,
    /// An authorizer is asked.
    Ask,
}

/// What filters decide, one after the other.
pub fn outcome(filters: &[Value], packet: &Packet) -> Outcome {
    let mut shadow: Option<String> = None;
    let mut all = Outcome::Pass;
    for filter in filters {
        let config = &filter["typedConfig"];
        match filter["name"].as_str().expect("a filter has a name") {
            "envoy.filters.http.rbac" | "envoy.filters.network.rbac" => {
                if let Some(name) = matched(&config["shadowRules"], packet) {
                    shadow = Some(name);
                }
                if denies(&config["rules"], packet) {
                    return Outcome::Deny;
                }
            }
            "envoy.filters.http.ext_authz" | "envoy.filters.network.ext_authz" => {
                let wanted = &config["filterEnabledMetadata"]["value"]["stringMatch"];
                if shadow.as_ref().is_some_and(|name| string(wanted, name)) {
                    all = Outcome::Ask;
                }
            }
            other => panic!("a filter `{other}`"),
        }
    }
    all
}

fn denies(rules: &Value, packet: &Packet) -> bool {
    if rules.is_null() {
        return false;
    }
    let is_matched = matched(rules, packet).is_some();
    match rules["action"].as_str().unwrap_or("ALLOW") {
        "ALLOW" => !is_matched,
        "DENY" => is_matched,
        "LOG" => false,
        other => panic!("an action `{other}`"),
    }
}

/// The name of the first policy that matches.
fn matched(rules: &Value, packet: &Packet) -> Option<String> {
    let policies = rules["policies"].as_mapping()?;
    let holds = |list: &Value, test: fn(&Value, &Packet) -> bool| items(list).iter().any(|one| test(one, packet));
    let found = policies
        .iter()
        .find(|(_, policy)| holds(&policy["permissions"], permission) && holds(&policy["principals"], principal));
    found.map(|(name, _)| name.as_str().expect("a policy has a name").to_owned())
}

fn items(list: &Value) -> &[Value] {
    list.as_sequence().map(Vec::as_slice).unwrap_or_default()
}

/// The one field of an object that is a choice.
fn choice(value: &Value) -> (&str, &Value) {
    let mapping = value.as_mapping().expect("a choice is an object");
    assert_eq!(mapping.len(), 1, "{value:?}");
    let (key, inner) = mapping.iter().next().expect("a choice has a field");
    (key.as_str().expect("a field has a name"), inner)
}

fn permission(value: &Value, packet: &Packet) -> bool {
    let (kind, inner) = choice(value);
    match kind {
        "andRules" => items(&inner["rules"]).iter().all(|one| permission(one, packet)),
        "orRules" => items(&inner["rules"]).iter().any(|one| permission(one, packet)),
        "notRule" => !permission(inner, packet),
        "any" => true,
        "header" => header(inner, packet),
        "urlPath" => path(packet).is_some_and(|path| string(&inner["path"], path)),
        "uriTemplate" => {
            let template = inner["typedConfig"]["pathTemplate"].as_str().expect("a template");
            path(packet).is_some_and(|path| template_matches(template, path))
        }
        "destinationPort" => inner.as_u64() == Some(u64::from(packet.port)),
        "destinationIp" => block(inner, packet.destination),
        "requestedServerName" => string(inner, packet.sni.as_deref().unwrap_or_default()),
        "metadata" => metadata(inner, packet),
        other => panic!("a permission `{other}`"),
    }
}

fn principal(value: &Value, packet: &Packet) -> bool {
    let (kind, inner) = choice(value);
    match kind {
        "andIds" => items(&inner["ids"]).iter().all(|one| principal(one, packet)),
        "orIds" => items(&inner["ids"]).iter().any(|one| principal(one, packet)),
        "notId" => !principal(inner, packet),
        "any" => true,
        "authenticated" => packet.principal.as_ref().is_some_and(|name| string(&inner["principalName"], name)),
        "directRemoteIp" => block(inner, packet.source),
        "remoteIp" => block(inner, packet.remote),
        "header" => header(inner, packet),
        "metadata" => metadata(inner, packet),
        other => panic!("a principal `{other}`"),
    }
}

/// The path without query and fragment.
fn path(packet: &Packet) -> Option<&str> {
    let whole = packet.headers.get(":path")?;
    whole.find(['?', '#']).map_or(Some(whole.as_str()), |end| Some(&whole[..end]))
}

fn template_matches(template: &str, path: &str) -> bool {
    let literal = r"a-zA-Z0-9\-._~%!$&'()+,;:@=";
    let pattern =
        regex::escape(template).replace(r"\*\*", &format!("[{literal}/]*")).replace(r"\*", &format!("[{literal}]+"));
    whole(&pattern, path)
}

/// Patterns that were built before: each is asked for thousands of times.
static PATTERNS: LazyLock<Mutex<HashMap<String, Regex>>> = LazyLock::new(Mutex::default);

fn whole(pattern: &str, text: &str) -> bool {
    let mut known = PATTERNS.lock().expect("no test has panicked here");
    let build = || Regex::new(&format!("^(?s:{pattern})$")).expect("a pattern");
    known.entry(pattern.to_owned()).or_insert_with(build).is_match(text)
}

fn string(matcher: &Value, text: &str) -> bool {
    let ignores_case = matcher["ignoreCase"].as_bool().unwrap_or(false);
    let fold = |text: &str| if ignores_case { text.to_lowercase() } else { text.to_owned() };
    let text = fold(text);
    let of = |key: &str| matcher[key].as_str().map(fold);
    if let Some(exact) = of("exact") {
        text == exact
    } else if let Some(prefix) = of("prefix") {
        text.starts_with(&prefix)
    } else if let Some(suffix) = of("suffix") {
        text.ends_with(&suffix)
    } else {
        whole(matcher["safeRegex"]["regex"].as_str().expect("a matcher of texts"), &text)
    }
}

fn header(matcher: &Value, packet: &Packet) -> bool {
    let name = matcher["name"].as_str().expect("a header has a name").to_lowercase();
    let Some(value) = packet.headers.get(&name) else { return false };
    matcher["presentMatch"].as_bool() == Some(true) || string(&matcher["stringMatch"], value)
}

fn block(range: &Value, address: Ipv4Addr) -> bool {
    let base: Ipv4Addr = range["addressPrefix"].as_str().expect("a prefix").parse().expect("an address");
    let length = range["prefixLen"].as_u64().expect("a length");
    let mask = if length == 0 { 0 } else { u32::MAX << (32 - length) };
    u32::from(base) & mask == u32::from(address) & mask
}

fn metadata(matcher: &Value, packet: &Packet) -> bool {
    let filter = matcher["filter"].as_str().expect("a filter");
    let keys: Vec<String> =
        items(&matcher["path"]).iter().map(|step| step["key"].as_str().expect("a key").to_owned()).collect();
    let values: Vec<String> = if filter == "envoy.filters.http.jwt_authn" {
        assert_eq!(keys[0], "payload");
        let claims = packet.claims.as_ref().and_then(|claims| claims.get(&keys[1..]));
        claims.cloned().unwrap_or_default()
    } else {
        packet.metadata.get(&(filter.to_owned(), keys[0].clone())).cloned().into_iter().collect()
    };
    value_matches(&matcher["value"], &values)
}

fn value_matches(matcher: &Value, values: &[String]) -> bool {
    let (kind, inner) = choice(matcher);
    match kind {
        "stringMatch" => values.len() == 1 && string(inner, &values[0]),
        "listMatch" => {
            values.len() > 1 && values.iter().any(|one| value_matches(&inner["oneOf"], std::slice::from_ref(one)))
        }
        "orMatch" => items(&inner["valueMatchers"]).iter().any(|one| value_matches(one, values)),
        other => panic!("a matcher `{other}` of values"),
    }
}
