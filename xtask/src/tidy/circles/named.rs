//! What the code of one module names.

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree};

/// The segments of a path as they are written, without generic arguments.
pub(super) type Path = Vec<String>;

/// One name that a `use` brings in.
pub(super) struct Import {
    pub(super) path: Path,
    /// `None` for `*`.
    pub(super) name: Option<String>,
}

/// The imports and paths of a module without those of the modules inside it.
#[derive(Default)]
pub(super) struct Named {
    pub(super) imports: Vec<Import>,
    pub(super) paths: Vec<Path>,
}

impl Named {
    pub(super) fn of(items: &[Item]) -> Self {
        let mut named = Self::default();
        for item in items {
            named.visit_item(item);
        }
        named
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |last: &syn::Ident| [prefix, &[last.to_string()]].concat();
        let (mut path, name) = match tree {
            UseTree::Path(path) => return self.import(&with(&path.ident), &path.tree),
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(prefix, tree));
            }
            UseTree::Name(name) => (with(&name.ident), None),
            UseTree::Rename(rename) => (with(&rename.ident), Some(rename.rename.to_string())),
            UseTree::Glob(_) => {
                return self.imports.push(Import { path: prefix.to_vec(), name: None });
            }
        };
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = name.or_else(|| path.last().cloned());
        self.imports.push(Import { path, name });
    }

    /// The paths in the tokens of a macro. A single name may be anything there, so it is left out.
    fn scan(&mut self, mut cursor: Cursor<'_>) {
        let mut after_dollar = false;
        while !cursor.eof() {
            if let Some((inside, _, _, after)) = cursor.any_group() {
                self.scan(inside);
                cursor = after;
            } else if let Some((first, after)) = cursor.ident() {
                let mut path = vec![first.to_string()];
                cursor = after;
                while let Some((next, after)) = segment(cursor) {
                    path.push(next);
                    cursor = after;
                }
                let is_placeholder = after_dollar && path[0] != "crate";
                if path.len() > 1 && !is_placeholder {
                    self.paths.push(path);
                }
                after_dollar = false;
            } else if let Some((_, after)) = cursor.token_tree() {
                after_dollar = cursor.punct().is_some_and(|(punct, _)| punct.as_char() == '$');
                cursor = after;
            }
        }
    }
}

/// What follows `::`, if that is a name.
fn segment(cursor: Cursor<'_>) -> Option<(String, Cursor<'_>)> {
    let colon = |cursor: Cursor<'_>| -> bool {
        cursor.punct().is_some_and(|(punct, _)| punct.as_char() == ':')
    };
    let (_, second) = cursor.punct().filter(|_| colon(cursor))?;
    let (_, after) = second.punct().filter(|_| colon(second))?;
    after.ident().map(|(ident, after)| (ident.to_string(), after))
}

/// Whether this is compiled for tests only.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("cfg")).any(|attribute| {
        attribute.parse_args::<Meta>().is_ok_and(|condition| match condition {
            Meta::Path(path) => path.is_ident("test"),
            Meta::List(list) if list.path.is_ident("all") => {
                let words = list.tokens.to_string();
                words.split(',').any(|word| word.trim() == "test")
            }
            _ => false,
        })
    })
}

macro_rules! unless_for_tests {
    ($($visit:ident: $node:ident),* $(,)?) => {
        $(fn $visit(&mut self, node: &'ast syn::$node) {
            if !is_for_tests(&node.attrs) {
                visit::$visit(self, node);
            }
        })*
    };
}

impl<'ast> Visit<'ast> for Named {
    unless_for_tests! {
        visit_arm: Arm,
        visit_expr_block: ExprBlock,
        visit_expr_method_call: ExprMethodCall,
        visit_field: Field,
        visit_field_value: FieldValue,
        visit_impl_item_const: ImplItemConst,
        visit_impl_item_fn: ImplItemFn,
        visit_item_const: ItemConst,
        visit_item_enum: ItemEnum,
        visit_item_fn: ItemFn,
        visit_item_impl: ItemImpl,
        visit_item_macro: ItemMacro,
        visit_item_static: ItemStatic,
        visit_item_struct: ItemStruct,
        visit_item_trait: ItemTrait,
        visit_item_type: ItemType,
        visit_local: Local,
        visit_stmt_macro: StmtMacro,
        visit_trait_item_fn: TraitItemFn,
        visit_variant: Variant,
    }

    /// A module of its own.
    fn visit_item_mod(&mut self, _: &'ast syn::ItemMod) {}

    /// Who may see something is not what it uses.
    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {}

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_for_tests(&item.attrs) && item.leading_colon.is_none() {
            self.import(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let segments = path.segments.iter().map(|segment| segment.ident.to_string());
            self.paths.push(segments.collect());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.scan(TokenBuffer::new2(call.tokens.clone()).begin());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.scan(TokenBuffer::new2(list.tokens.clone()).begin());
        }
    }
}
