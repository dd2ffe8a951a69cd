//! The machine that a pickle is a program for, of the instructions that PyTorch writes for a dictionary of tensors.

use std::collections::HashMap;
use std::rc::Rc;

use Problem::{Calls, Damaged};

use super::{Described, Kind};

/// Tuples in tuples: a tensor is three deep.
const DEPTH_MAX: u8 = 8;

/// What the stack may hold.
#[derive(Clone, Debug)]
enum Item {
    None,
    Mark,
    Number(i64),
    Text(String),
    /// A name that is called, `module name`.
    Global(String),
    /// Shared, since a program may recall it often.
    Tuple {
        items: Rc<[Item]>,
        depth: u8,
    },
    Dictionary(Vec<(String, Item)>),
    Storage {
        kind: Kind,
        file: String,
    },
    Tensor(Described),
    /// What no tensor depends on, such as a flag.
    Other,
}

/// Why a program is not followed.
pub(super) enum Problem {
    Calls(String),
    Damaged(&'static str),
}

/// Reads the program, instruction by instruction.
struct Machine<'a> {
    program: &'a [u8],
    stack: Vec<Item>,
    memo: HashMap<u32, Item>,
}

/// Follows a program; the tensors of the dictionary that it leaves, by their names.
pub(super) fn follow(program: &[u8]) -> Result<Vec<(String, Described)>, Problem> {
    let mut machine = Machine { program, stack: Vec::new(), memo: HashMap::new() };
    let Item::Dictionary(pairs) = machine.run()? else { return Err(Damaged("expected a dictionary of tensors")) };
    let named = pairs.into_iter().filter_map(|pair| match pair {
        (name, Item::Tensor(tensor)) => Some((name, tensor)),
        _ => None,
    });
    Ok(named.collect())
}

impl Machine<'_> {
    fn run(&mut self) -> Result<Item, Problem> {
        loop {
            match self.byte()? {
                0x80 => drop(self.byte()?),
                0x95 => drop(self.bytes(8)?),
                b'}' => self.push(Item::Dictionary(Vec::new()))?,
                b')' => self.tuple(Vec::new())?,
                b']' => self.push(Item::Other)?,
                b'N' => self.push(Item::None)?,
                b'(' => self.push(Item::Mark)?,
                0x88 | 0x89 => self.push(Item::Other)?,
                b'K' => {
                    let number = i64::from(self.byte()?);
                    self.push(Item::Number(number))?;
                }
                b'M' => {
                    let number = i64::from(u16::from_le_bytes(self.array()?));
                    self.push(Item::Number(number))?;
                }
                b'J' => {
                    let number = i64::from(i32::from_le_bytes(self.array()?));
                    self.push(Item::Number(number))?;
                }
                0x8a => {
                    let length = usize::from(self.byte()?);
                    if length > 8 {
                        return Err(Damaged("a number has more than 8 bytes"));
                    }
                    let mut bytes = [0; 8];
                    bytes[..length].copy_from_slice(self.bytes(length)?);
                    self.push(Item::Number(i64::from_le_bytes(bytes)))?;
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.array()?) as usize;
                    self.text(length)?;
                }
                0x8c => {
                    let length = usize::from(self.byte()?);
                    self.text(length)?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.push(Item::Global(format!("{module} {name}")))?;
                }
                0x93 => {
                    let (name, module) = (self.pop()?, self.pop()?);
                    let (Item::Text(module), Item::Text(name)) = (module, name) else {
                        return Err(Damaged("a name is no text"));
                    };
                    self.push(Item::Global(format!("{module} {name}")))?;
                }
                b'q' => {
                    let at = u32::from(self.byte()?);
                    self.remember(at)?;
                }
                b'r' => {
                    let at = u32::from_le_bytes(self.array()?);
                    self.remember(at)?;
                }
                0x94 => {
                    let at = self.memo.len() as u32;
                    self.remember(at)?;
                }
                b'h' => {
                    let at = u32::from(self.byte()?);
                    self.recall(at)?;
                }
                b'j' => {
                    let at = u32::from_le_bytes(self.array()?);
                    self.recall(at)?;
                }
                b't' => {
                    let items = self.since_mark()?;
                    self.tuple(items)?;
                }
                length @ 0x85..=0x87 => {
                    let at = self.stack.len().checked_sub(usize::from(length - 0x84)).ok_or(Damaged("too short"))?;
                    let items = self.stack.split_off(at);
                    self.tuple(items)?;
                }
                b'Q' => self.storage()?,
                b'R' => self.call()?,
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.set(key, value)?;
                }
                b'u' => {
                    let mut items = self.since_mark()?.into_iter();
                    while let (Some(key), Some(value)) = (items.next(), items.next()) {
                        self.set(key, value)?;
                    }
                }
                // The dictionary's own attributes: notes of modules' versions.
                b'b' => drop(self.pop()?),
                b'e' => drop(self.since_mark()?),
                b'a' => drop(self.pop()?),
                b'.' => return self.pop(),
                _ => return Err(Damaged("it has an instruction that a dictionary of tensors has no use for")),
            }
        }
    }

    /// `('storage', torch.FloatStorage, '0', 'cpu', 1024)`: which file has the bytes.
    fn storage(&mut self) -> Result<(), Problem> {
        let Item::Tuple { items, .. } = self.pop()? else { return Err(Damaged("a storage is no tuple")) };
        let [Item::Text(_), Item::Global(class), Item::Text(file), ..] = &*items else {
            return Err(Damaged("a storage has other parts"));
        };
        let kind = match class.as_str() {
            "torch DoubleStorage" => Kind::F64,
            "torch FloatStorage" => Kind::F32,
            "torch HalfStorage" => Kind::F16,
            "torch BFloat16Storage" => Kind::Bf16,
            "torch LongStorage" => Kind::I64,
            other => return Err(Calls(other.replace(' ', "."))),
        };
        if file.is_empty() || !file.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Damaged("a storage names no file of the archive"));
        }
        let file = file.clone();
        self.push(Item::Storage { kind, file })
    }

    /// What makes a tensor or an empty dictionary; nothing else is called.
    fn call(&mut self) -> Result<(), Problem> {
        let (arguments, function) = (self.pop()?, self.pop()?);
        let Item::Global(name) = function else { return Err(Damaged("it calls what is no name")) };
        let Item::Tuple { items: arguments, .. } = arguments else { return Err(Damaged("a call has no arguments")) };
        let made = match name.as_str() {
            "collections OrderedDict" if arguments.is_empty() => Item::Dictionary(Vec::new()),
            "torch._utils _rebuild_parameter" => arguments.first().cloned().unwrap_or(Item::None),
            "torch._utils _rebuild_tensor_v2" => Item::Tensor(tensor(&arguments)?),
            other => return Err(Calls(other.replace(' ', "."))),
        };
        self.push(made)
    }

    /// Sets an item of the dictionary on the stack. Only tensors are kept.
    fn set(&mut self, key: Item, value: Item) -> Result<(), Problem> {
        let Some(Item::Dictionary(pairs)) = self.stack.last_mut() else {
            return Err(Damaged("it sets an item of what is no dictionary"));
        };
        if let (Item::Text(name), Item::Tensor(_)) = (key, &value) {
            pairs.push((name, value));
        }
        Ok(())
    }

    fn tuple(&mut self, items: Vec<Item>) -> Result<(), Problem> {
        let depth = |item: &Item| match item {
            Item::Tuple { depth, .. } => *depth,
            _ => 0,
        };
        let depth = 1 + items.iter().map(depth).max().unwrap_or_default();
        if depth > DEPTH_MAX {
            return Err(Damaged("it nests deeper than any model"));
        }
        let flat = items.into_iter().map(|item| if matches!(item, Item::Dictionary(_)) { Item::Other } else { item });
        self.push(Item::Tuple { items: flat.collect(), depth })
    }

    fn remember(&mut self, at: u32) -> Result<(), Problem> {
        let item = match self.stack.last() {
            // Written before it is filled; nothing refers to it later but the end.
            Some(Item::Dictionary(pairs)) if pairs.is_empty() => Item::Dictionary(Vec::new()),
            Some(item) => item.clone(),
            None => return Err(Damaged("it remembers what is not there")),
        };
        self.memo.insert(at, item);
        Ok(())
    }

    fn recall(&mut self, at: u32) -> Result<(), Problem> {
        let item = self.memo.get(&at).cloned().ok_or(Damaged("it recalls what it never remembered"))?;
        self.push(item)
    }

    fn since_mark(&mut self) -> Result<Vec<Item>, Problem> {
        let at = self.stack.iter().rposition(|item| matches!(item, Item::Mark)).ok_or(Damaged("a mark is missing"))?;
        let items = self.stack.split_off(at + 1);
        self.stack.pop();
        Ok(items)
    }

    fn push(&mut self, item: Item) -> Result<(), Problem> {
        if self.stack.len() > 10_000 {
            return Err(Damaged("its stack is deeper than that of any model"));
        }
        self.stack.push(item);
        Ok(())
    }

    fn pop(&mut self) -> Result<Item, Problem> {
        self.stack.pop().ok_or(Damaged("the stack is empty"))
    }

    fn text(&mut self, length: usize) -> Result<(), Problem> {
        let text = std::str::from_utf8(self.bytes(length)?).map_err(|_| Damaged("a text is not UTF-8"))?.to_owned();
        self.push(Item::Text(text))
    }

    fn line(&mut self) -> Result<String, Problem> {
        let end = self.program.iter().position(|byte| *byte == b'\n').ok_or(Damaged("a line does not end"))?;
        let line = std::str::from_utf8(&self.program[..end]).map_err(|_| Damaged("a name is not UTF-8"))?.to_owned();
        self.program = &self.program[end + 1..];
        Ok(line)
    }

    fn byte(&mut self) -> Result<u8, Problem> {
        Ok(self.bytes(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        self.bytes(N)?.try_into().map_err(|_| Damaged("it is cut"))
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], Problem> {
        let (bytes, rest) = self.program.split_at_checked(count).ok_or(Damaged("it is cut"))?;
        self.program = rest;
        Ok(bytes)
    }
}

/// `(storage, offset, shape, strides, …)`.
fn tensor(arguments: &[Item]) -> Result<Described, Problem> {
    let [
        Item::Storage { kind, file },
        Item::Number(offset),
        Item::Tuple { items: shape, .. },
        Item::Tuple { items: strides, .. },
        ..,
    ] = arguments
    else {
        return Err(Damaged("a tensor has other parts"));
    };
    let lengths = |items: &[Item]| -> Option<Vec<usize>> {
        let length = |item: &Item| match item {
            Item::Number(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        items.iter().map(length).collect()
    };
    let odd = Damaged("a tensor has an odd shape");
    let (Some(shape), Some(strides), Ok(offset)) = (lengths(shape), lengths(strides), usize::try_from(*offset)) else {
        return Err(odd);
    };
    if shape.len() != strides.len() || shape.len() > 8 {
        return Err(odd);
    }
    Ok(Described { kind: *kind, file: file.clone(), offset, shape, strides })
}
