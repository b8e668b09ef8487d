//! The modules of a crate, and what a path in one of them means.
//!
//! This knows less than the compiler and may, because the code compiles: a name that is found
//! nowhere comes from another crate, from the prelude or from a macro.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use syn::{Item, ItemMacro};

use super::named::{Import, Named, Path, is_for_tests};

/// For each file the files that it names something of, with the names.
pub(super) type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// The place of a module in [`Modules::all`].
type Index = usize;

const ROOT: Index = 0;

/// A tree of modules, the crate's root first.
#[derive(Default)]
pub(super) struct Modules {
    all: Vec<Module>,
    /// Macros with `#[macro_export]`, which stand at the root wherever they are defined.
    exported_macros: BTreeMap<String, Index>,
}

struct Module {
    file: String,
    /// The root is its own parent.
    parent: Index,
    children: BTreeMap<String, Index>,
    /// What is defined here, modules apart.
    items: BTreeSet<String>,
    named: Named,
}

/// Where a module stands and where the files of its children are.
struct Place<'a> {
    file: &'a str,
    directory: String,
    parent: Index,
}

/// What a path leads to.
#[derive(Clone, PartialEq, Eq)]
enum Target {
    Module(Index),
    Item(Index, String),
}

/// The names that are being looked up, against imports that lead to each other.
type Pending = Vec<(Index, String, bool)>;

impl Modules {
    /// Follows the declarations of modules from the crate's root file. `read` gives a file's text,
    /// or nothing when there is no such file.
    pub(super) fn read(root: &str, read: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let mut modules = Self::default();
        let text = read(root).with_context(|| format!("cannot read {root}"))?;
        let place = Place { file: root, directory: String::new(), parent: ROOT };
        modules.add(&parse(root, &text)?, &place, read)?;
        Ok(modules)
    }

    fn add(
        &mut self,
        items: &[Item],
        place: &Place<'_>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Index> {
        let index = self.all.len();
        self.all.push(Module {
            file: place.file.to_owned(),
            parent: place.parent,
            children: BTreeMap::new(),
            items: items.iter().filter_map(defined_name).collect(),
            named: Named::of(items),
        });
        for item in items {
            match item {
                Item::Mod(module) if !is_for_tests(&module.attrs) => {
                    let name = module.ident.to_string();
                    let directory = format!("{}{name}/", place.directory);
                    let child = if let Some((_, items)) = &module.content {
                        self.add(items, &Place { file: place.file, directory, parent: index }, read)
                    } else {
                        let beside = format!("{}{name}.rs", place.directory);
                        let (file, text) = [beside, format!("{directory}mod.rs")]
                            .into_iter()
                            .find_map(|file| read(&file).map(|text| (file, text)))
                            .with_context(|| format!("no file of mod {name} in {}", place.file))?;
                        let place = Place { file: &file, directory, parent: index };
                        self.add(&parse(&file, &text)?, &place, read)
                    }?;
                    self.all[index].children.insert(name, child);
                }
                Item::Macro(ItemMacro { attrs, ident: Some(name), .. })
                    if attrs.iter().any(|one| one.path().is_ident("macro_export")) =>
                {
                    self.exported_macros.insert(name.to_string(), index);
                }
                _ => {}
            }
        }
        Ok(index)
    }

    pub(super) fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (index, module) in self.all.iter().enumerate() {
            let mut point_at = |target: Index, name: String| {
                let file = &self.all[target].file;
                if *file != module.file {
                    let files = arrows.entry(module.file.clone()).or_default();
                    files.entry(file.clone()).or_default().insert(name);
                }
            };
            for import in &module.named.imports {
                match self.resolve(index, &import.path, &mut Pending::new()) {
                    Some(Target::Item(target, name)) => point_at(target, name),
                    Some(Target::Module(target)) => {
                        point_at(target, import.name.clone().unwrap_or_else(|| "*".to_owned()));
                    }
                    None => {}
                }
            }
            for path in &module.named.paths {
                // A path in code never ends at a module: it is a variable with a module's name.
                if let Some(Target::Item(target, name)) =
                    self.resolve(index, path, &mut Pending::new())
                {
                    point_at(target, name);
                }
            }
        }
        arrows
    }

    /// What a path means in a module; `None` if it leads out of the crate.
    fn resolve(&self, from: Index, path: &[String], pending: &mut Pending) -> Option<Target> {
        let mut here = from;
        for (place, segment) in path.iter().enumerate() {
            match segment.as_str() {
                "crate" => here = ROOT,
                "self" => {}
                "super" => here = self.all[here].parent,
                name => {
                    let is_last = place + 1 == path.len();
                    match self.look_up(here, name, is_last, pending) {
                        Some(Target::Module(next)) => here = next,
                        Some(item) => return Some(item),
                        None if place == 0 => return None,
                        // Made by a macro, in the module that the path has led to.
                        None => return Some(Target::Item(here, name.to_owned())),
                    }
                }
            }
        }
        Some(Target::Module(here))
    }

    /// What a name means in a module. If both a module and an item have it, the place in the path
    /// decides.
    fn look_up(
        &self,
        here: Index,
        name: &str,
        is_last: bool,
        pending: &mut Pending,
    ) -> Option<Target> {
        let key = (here, name.to_owned(), is_last);
        if pending.contains(&key) {
            return None;
        }
        pending.push(key);
        let module = &self.all[here];
        let child = || module.children.get(name).map(|&child| Target::Module(child));
        let item = |pending: &mut Pending| {
            self.imported(here, name, pending).or_else(|| {
                let is_here = module.items.contains(name);
                is_here.then(|| Target::Item(here, name.to_owned()))
            })
        };
        let found =
            if is_last { item(pending).or_else(child) } else { child().or_else(|| item(pending)) };
        let found = found
            .or_else(|| self.imported_by_glob(here, name, is_last, pending))
            .or_else(|| self.exported_macro(here, name));
        pending.pop();
        found
    }

    fn imported(&self, here: Index, name: &str, pending: &mut Pending) -> Option<Target> {
        let has_name = |import: &&Import| import.name.as_deref() == Some(name);
        let import = self.all[here].named.imports.iter().find(has_name)?;
        // What comes from another crate counts as defined where it enters this one.
        let outside = || Target::Item(here, name.to_owned());
        Some(self.resolve(here, &import.path, pending).unwrap_or_else(outside))
    }

    fn imported_by_glob(
        &self,
        here: Index,
        name: &str,
        is_last: bool,
        pending: &mut Pending,
    ) -> Option<Target> {
        let globs = self.all[here].named.imports.iter().filter(|import| import.name.is_none());
        let paths: Vec<&Path> = globs.map(|import| &import.path).collect();
        paths.into_iter().find_map(|path| match self.resolve(here, path, pending) {
            Some(Target::Module(module)) => self.look_up(module, name, is_last, pending),
            _ => None,
        })
    }

    fn exported_macro(&self, here: Index, name: &str) -> Option<Target> {
        let module = self.exported_macros.get(name).filter(|_| here == ROOT)?;
        Some(Target::Item(*module, name.to_owned()))
    }
}

fn parse(file: &str, text: &str) -> Result<Vec<Item>> {
    Ok(syn::parse_file(text).with_context(|| format!("cannot parse {file}"))?.items)
}

fn defined_name(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name.to_string())
}
