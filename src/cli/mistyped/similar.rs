//! Commands with a spelling close to what was typed.

/// Commands that destroy data or restrict an account's owner.
const GRAVE: [&str; 15] = [
    "rm",
    "delete_activities",
    "deactivate",
    "deactivate_all_from_instance",
    "toggle_activated",
    "confirm_all",
    "unconfirm_all",
    "toggle_confirmed",
    "reset_mfa",
    "sign_out",
    "revoke_invite",
    "cancel",
    "activities",
    "objects",
    "instance",
];

/// Letters of a name that is not typed to its end.
const BEGUN: usize = 4;

/// Whether a command is too dangerous to be suggested for a typing error.
pub(super) fn is_grave(name: &str) -> bool {
    GRAVE.contains(&name)
}

/// Names closest to a word, or those that begin with it. A dangerous command is suggested only if little else can be meant: one
/// typing error in a long name, two in a very long one, and no harmless command within two.
pub(super) fn to<'n>(names: &'n [String], word: &str) -> Vec<&'n str> {
    let distance = |name: &str| strsim::osa_distance(name, word);
    let near = |name: &str| distance(name) <= if name.len() < 5 { 1 } else { 2 };
    let harmless: Vec<&str> =
        names.iter().map(String::as_str).filter(|name| !is_grave(name) && near(name)).collect();
    let nearest = harmless.iter().map(|name| distance(name)).min();
    if let Some(nearest) = nearest {
        return harmless.into_iter().filter(|name| distance(name) == nearest).collect();
    }
    let begun = |name: &&str| word.len() >= BEGUN && name.starts_with(word) && !is_grave(name);
    let begun: Vec<&str> = names.iter().map(String::as_str).filter(begun).collect();
    if !begun.is_empty() {
        return begun;
    }
    let slips = |name: &str| if name.len() > 5 { (name.len() / 7).max(1) } else { 0 };
    let grave = |name: &&str| is_grave(name) && distance(name) <= slips(name);
    let mut grave = names.iter().map(String::as_str).filter(grave);
    match (grave.next(), grave.next()) {
        (Some(only), None) => vec![only],
        _ => Vec::new(),
    }
}
