//! The rooms of the crate, its modules at the top: none imports another that imports it, by whatever way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Each room, and those that its files name as `crate::room`, tests aside.
fn imports(source: &Path) -> BTreeMap<String, BTreeSet<String>> {
    let mut rooms: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut folders = vec![source.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("it can be read") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = path.strip_prefix(source).expect("it is inside").with_extension("");
            let room = file.iter().next().and_then(|room| room.to_str()).expect("a name").to_owned();
            if room == "lib" || file.iter().any(|part| part == "tests") {
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("it is text");
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            let named = lines.flat_map(|line| line.split("crate::").skip(1));
            let named = named.map(|name| name.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect());
            rooms.entry(room).or_default().extend(named);
        }
    }
    let names: BTreeSet<String> = rooms.keys().cloned().collect();
    rooms.into_iter().map(|(room, named)| (room.clone(), &(&named & &names) - &[room].into())).collect()
}

#[test]
fn no_rooms_import_each_other_in_a_circle() {
    let mut rooms = imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(rooms.len() > 20 && rooms["machine"].contains("peer"));
    // Those that import none of the rest go, until none is left.
    while let Some(ground) = rooms.iter().find(|(_, imported)| imported.is_empty()).map(|(room, _)| room.clone()) {
        rooms.remove(&ground);
        rooms.values_mut().for_each(|imported| _ = imported.remove(&ground));
    }
    assert!(rooms.is_empty(), "these import each other: {rooms:?}");
}
