//! The modules of a crate that are files, and what each imports from the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, UseTree};

use crate::graph::Imports;

/// The files of one crate, by the paths of their modules (`rules::parse`; the root is empty).
pub struct Modules {
    files: BTreeMap<String, File>,
    /// For each module, what its `pub use` gives another name: the name, and the path behind it.
    exported: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

impl Modules {
    /// Reads a crate from its root file.
    pub fn read(root: &Path) -> Self {
        let mut texts = BTreeMap::new();
        let directory = match root.file_name().and_then(|name| name.to_str()) {
            Some("lib.rs" | "main.rs") => root.parent().expect("a directory").to_owned(),
            _ => root.with_extension(""),
        };
        read_module(root, &directory, "", &mut texts);
        Self::of(
            texts
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        )
    }

    /// A crate of these modules and their texts.
    pub fn of<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let files: BTreeMap<_, _> = texts
            .into_iter()
            .map(|(name, text)| {
                let file = syn::parse_file(text).unwrap_or_else(|error| panic!("{name}: {error}"));
                (name.to_owned(), file)
            })
            .collect();
        let exported = files
            .iter()
            .map(|(name, file)| (name.clone(), exports(name, file)))
            .collect();
        Self { files, exported }
    }

    /// Which file imports which. That a module declares its inner ones counts for nothing, and so
    /// do unit tests, which may use everything.
    pub fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for (name, file) in &self.files {
            let mut paths = Paths {
                module: name.clone(),
                found: BTreeSet::new(),
            };
            paths.visit_file(file);
            let mut others = BTreeSet::new();
            for path in paths.found {
                match path.split_last() {
                    Some((last, module)) if last == "*" => others.extend(self.inside(module)),
                    _ => others.extend(self.owner(&path)),
                }
            }
            others.remove(name);
            imports.insert(name.clone(), others);
        }
        imports
    }

    /// The file of a module and those right below it, which a `use` of all that it has may mean.
    fn inside(&self, module: &[String]) -> Vec<String> {
        let path = module.join("::");
        if !self.files.contains_key(&path) {
            // One that a file defines.
            return self.owner(module).into_iter().collect();
        }
        let files = self.files.keys();
        let below = files.filter(|name| {
            let parent = name.rsplit_once("::").map_or("", |(parent, _)| parent);
            !name.is_empty() && (parent == path || **name == path)
        });
        below.cloned().collect()
    }

    /// The file that the thing at `path` is of; none for what the root itself defines.
    fn owner(&self, path: &[String]) -> Option<String> {
        let mut path = path.to_vec();
        // A re-export may lead to another; more in a row than there are files is a circle.
        for _ in 0..=self.files.len() {
            let module = self.deepest(&path);
            let depth = module.split("::").filter(|part| !part.is_empty()).count();
            let behind = path
                .get(depth)
                .and_then(|name| self.exported.get(&module)?.get(name));
            match behind {
                Some(target) => path.clone_from(target),
                None => return (!module.is_empty()).then_some(module),
            }
        }
        None
    }

    fn deepest(&self, path: &[String]) -> String {
        (0..=path.len())
            .rev()
            .map(|length| path[..length].join("::"))
            .find(|module| self.files.contains_key(module))
            .unwrap_or_default()
    }
}

fn read_module(file: &Path, directory: &Path, name: &str, texts: &mut BTreeMap<String, String>) {
    let text =
        fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    for item in &parsed.items {
        if let Item::Mod(ItemMod {
            ident,
            content: None,
            ..
        }) = item
        {
            let inner = ident.to_string();
            let beside = directory.join(format!("{inner}.rs"));
            let below = directory.join(&inner).join("mod.rs");
            let path = if name.is_empty() {
                inner.clone()
            } else {
                format!("{name}::{inner}")
            };
            // One with a #[path] is read where it lies by the crate that it belongs to.
            if let Some(file) = [beside, below].iter().find(|file| file.exists()) {
                read_module(file, &directory.join(&inner), &path, texts);
            }
        }
    }
    texts.insert(name.to_owned(), text);
}

/// The paths that a file names, from the crate's root.
struct Paths {
    /// The module that is being visited: the file's own, or one that it defines.
    module: String,
    found: BTreeSet<Vec<String>>,
}

impl Paths {
    fn add(&mut self, path: &[String]) {
        self.found.extend(absolute(&self.module, path));
    }

    /// Paths in the arguments or the body of a macro, which syn doesn't parse.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        for (at, token) in tokens.iter().enumerate() {
            match token {
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(ident) if *ident == "crate" || *ident == "super" => {
                    self.add(&path_of_tokens(&tokens[at..]));
                }
                _ => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if is_for_tests(&item.attrs) {
            return;
        }
        let outer = self.module.clone();
        let separator = if outer.is_empty() { "" } else { "::" };
        self.module = format!("{outer}{separator}{}", item.ident);
        visit::visit_item_mod(self, item);
        self.module = outer;
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (_, path) in flatten(&item.tree) {
            self.add(&path);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let path: Vec<_> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        self.add(&path);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        visit::visit_macro(self, item);
        self.add_tokens(item.tokens.clone());
    }
}

/// A path from the crate's root, of one that begins with `crate`, `super` or `self`.
fn absolute(module: &str, path: &[String]) -> Option<Vec<String>> {
    let mut own: Vec<String> = module
        .split("::")
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect();
    match path.first()?.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => {
            own.extend_from_slice(&path[1..]);
            Some(own)
        }
        "super" => {
            let mut rest = path;
            while rest.first().is_some_and(|part| part == "super") {
                own.pop();
                rest = &rest[1..];
            }
            own.extend_from_slice(rest);
            Some(own)
        }
        _ => None,
    }
}

/// What a module gives on under its own name: `pub use inner::Thing;`.
fn exports(module: &str, file: &File) -> BTreeMap<String, Vec<String>> {
    let mut exports = BTreeMap::new();
    for item in &file.items {
        let Item::Use(item) = item else { continue };
        if matches!(item.vis, syn::Visibility::Inherited) {
            continue;
        }
        for (name, path) in flatten(&item.tree) {
            let relative = || {
                let own = module.split("::").filter(|part| !part.is_empty());
                own.map(str::to_owned).chain(path.clone()).collect()
            };
            exports.insert(name, absolute(module, &path).unwrap_or_else(relative));
        }
    }
    exports
}

/// The names and paths of a `use`.
fn flatten(tree: &UseTree) -> Vec<(String, Vec<String>)> {
    let below = |ident: String, inner: Vec<(String, Vec<String>)>| {
        let prefixed = inner.into_iter().map(|(name, mut path)| {
            if path.last().is_some_and(|part| part == "self") && path.len() == 1 {
                return (ident.clone(), vec![ident.clone()]);
            }
            path.insert(0, ident.clone());
            (name, path)
        });
        prefixed.collect()
    };
    match tree {
        UseTree::Path(path) => below(path.ident.to_string(), flatten(&path.tree)),
        UseTree::Name(name) => vec![(name.ident.to_string(), vec![name.ident.to_string()])],
        UseTree::Rename(rename) => {
            vec![(rename.rename.to_string(), vec![rename.ident.to_string()])]
        }
        UseTree::Glob(_) => vec![(String::from("*"), vec![String::from("*")])],
        UseTree::Group(group) => group.items.iter().flat_map(flatten).collect(),
    }
}

fn path_of_tokens(tokens: &[TokenTree]) -> Vec<String> {
    let mut path = Vec::new();
    let mut rest = tokens;
    while let [TokenTree::Ident(ident), behind @ ..] = rest {
        path.push(ident.to_string());
        let [TokenTree::Punct(one), TokenTree::Punct(other), next @ ..] = behind else {
            break;
        };
        if one.as_char() != ':' || other.as_char() != ':' {
            break;
        }
        rest = next;
    }
    path
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
    })
}
