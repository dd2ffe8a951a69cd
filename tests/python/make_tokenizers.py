"""Make the tokenizer fixtures of `runtime/text`: a corpus, small tokenizers, and the ids that transformers gives.

    python make_tokenizers.py corpus                  writes FIXTURES/corpus.json: 2,000 strings
    python make_tokenizers.py tokenizers [NAME …]     trains the folders FIXTURES/tokenizers/NAME
    python make_tokenizers.py expected                writes FIXTURES/expected.json with the installed transformers
    python make_tokenizers.py compare [--record]      exits with 1 where the installed transformers gives other ids

FIXTURES is `runtime/text/tests/fixtures` unless `--fixtures` says otherwise. `corpus` needs Python alone; `tokenizers`
needs `tokenizers` and `sentencepiece`; `expected` and `compare` need `transformers`, `sentencepiece` and `protobuf`.
`compare` is for another version of transformers: it prints what differs, and `--record` writes that to expected.json
under `others`. The trainers break ties by the order of hash maps, so tokenizers that are made anew are not the
checked-in ones byte for byte: make `expected` anew with them.

The corpus is seeded. Python's Unicode tables decide about case and normal forms, so another Python version may give
other strings; the checked-in file is what counts. A Rust string cannot hold a lone surrogate, so the corpus has none.
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import sys
import unicodedata

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("RAYON_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

SEED = 20_230_704
COUNT = 2_000
IN_PLAIN = 40
FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "runtime/text/tests/fixtures"

# ---------------------------------------------------------------------------------------------------------------------
# The corpus

# The first texts: short, and each about one thing, because expected.json holds their ids in plain.
FIRST = [
    "The quick brown fox jumps over the lazy dog.",
    "",
    "   ",
    "hello [SEP] world </s> <|endoftext|> [MASK] <mask>",
    " leading and trailing ",
    "two  spaces\tand a tab\nand lines\r\n",
    "Café naïve Größe ÀÉÎÕÜ",
    "Cafe\u0301 nai\u0308ve Gro\u0308ße",
    "ΣΟΦΟΣ ΟΔΟΣ σοφός",
    "İstanbul ISPARTA ıslak",
    "x𪜶y 𠀀𠀁 漢字かな交じり文",
    "我喜欢自然语言处理。",
    "한국어 문장입니다. 한국어",
    "السَّلَامُ عَلَيْكُمْ \u202bعربي\u202c",
    "שָׁלוֹם עוֹלָם",
    "हिन्दी में लिखा \u0915\u094d\u200d\u0937",
    "ශ්\u200dරී ලංකාව",
    "ภาษาไทยไม่มีช่องว่าง",
    "👩\u200d👩\u200d👧 👍🏽 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f 🇫🇷 ❤\ufe0f",
    "a\u0000b\u0001c\u007fd\u0085e\ufefff",
    "zero\u200bwidth\u200cjoin\u200der\u2060word\u00adsoft",
    "nbsp\u00a0em\u2003thin\u2009ideographic\u3000line\u2028para\u2029end",
    "price: $1,234.56 (€99) 10% #1 @me 3.14e-10",
    "don't I'll we've THEY'RE it’s",
    "``quoted'' \"double\" 'single'",
    "fullwidth ＡＢＣ１２３ ﬁﬂ ① ½ ™ ㎏",
    "\ue000private\uf8ff \U000f0000 \ufffe\uffff\U0001fffe unassigned \u0378",
    "a" * 101,
    "[CLS] [cls] [Mask] x[MASK]y [MASK]. <mask>, <mask> <pad>",
    "<query> find <doc>\n<query>find [Q] [q] Pelago pelago PELAGO",
    "graph graphs onograph graph, Graph",
    "▁under ▁▁ Ġbyte ##ing word</w> <0x0A> <extra_id_0> <extra_id_99>",
    "<|im_start|>user\nhi<|im_end|>\n<|im_start|> assistant",
    "def f(x):\n    return  x**2  # comment\n\n\n",
    "https://example.org/a_b?c=d&e=f#g user@example.com C:\\dir",
    "Привет, мир! Ёлка и йод",
    "Straße STRASSE ſtraße Ǆ ǅ ǆ K Å",
    "Tiếng Việt Tiê\u0301ng Viê\u0323t",
    "o\u0327\u0301\u0323 \u0301start 1\u20e3",
    "𝒜𝓫𝔠 𝟘𝟙 𐐀𐐨 🄰 𒀀 𓀀",
]

# A sentence or two of each script; what has no sentence here is made of random letters of the range.
SCRIPTS = {
    "Latin": (
        (0x61, 0x7A),
        [
            "All human beings are born free and equal in dignity and rights.",
            "Tous les êtres humains naissent libres et égaux en dignité et en droits.",
            "Alle Menschen sind frei und gleich an Würde und Rechten geboren.",
            "Todos los seres humanos nacen libres e iguales en dignidad y derechos.",
            "Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar.",
            "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền.",
            "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw.",
            "Všichni lidé rodí se svobodní a sobě rovní co do důstojnosti a práv.",
            "Hver maður er borinn frjáls og jafn öðrum að virðingu og réttindum.",
            "The model gives an embedding of each sentence, and the nearest one answers the query.",
        ],
    ),
    "Greek": ((0x3B1, 0x3C9), ["Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι.", "Ο ΣΟΦΟΣ ΔΑΣΚΑΛΟΣ της ΟΔΟΥ"]),
    "Cyrillic": (
        (0x430, 0x44F),
        ["Все люди рождаются свободными и равными.", "Всі люди народжуються вільними і рівними.", "Љубав и Њега"],
    ),
    "Armenian": ((0x561, 0x586), ["Բոլոր մարդիկ ծնվում են ազատ ու հավասար։"]),
    "Georgian": ((0x10D0, 0x10F0), ["ყველა ადამიანი იბადება თავისუფალი და თანასწორი."]),
    "Hebrew": ((0x5D0, 0x5EA), ["כל בני האדם נולדו בני חורין ושווים בערכם.", "בְּרֵאשִׁית בָּרָא אֱלֹהִים"]),
    "Arabic": (
        (0x627, 0x64A),
        [
            "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
            "تمام افراد بشر آزاد به دنیا می‌آیند",
            "تمام انسان آزاد ہیں۔",
        ],
    ),
    "Syriac": ((0x710, 0x72C), ["ܫܠܡܐ ܥܠܝܟܘܢ"]),
    "Thaana": ((0x780, 0x7A5), ["ހުރިހާ އިންސާނުން"]),
    "NKo": ((0x7CA, 0x7EA), ["ߒߞߏ ߛߓߍ"]),
    "Devanagari": ((0x905, 0x939), ["सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता प्राप्त है।", "क़लम ज़रूर"]),
    "Bengali": ((0x985, 0x9B9), ["সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা নিয়ে জন্মগ্রহণ করে।"]),
    "Gurmukhi": ((0xA05, 0xA39), ["ਸਾਰਾ ਮਨੁੱਖੀ ਪਰਿਵਾਰ ਆਜ਼ਾਦ ਪੈਦਾ ਹੋਇਆ ਹੈ।"]),
    "Gujarati": ((0xA85, 0xAB9), ["પ્રતિષ્ઠા અને અધિકારોની દૃષ્ટિએ સર્વ માનવો સ્વતંત્ર છે."]),
    "Odia": ((0xB05, 0xB39), ["ସବୁ ମନୁଷ୍ୟ ଜନ୍ମକାଳରୁ ସ୍ୱାଧୀନ।"]),
    "Tamil": ((0xB85, 0xBB9), ["மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்."]),
    "Telugu": ((0xC05, 0xC39), ["ప్రతిపత్తిస్వత్వముల విషయమున మానవులెల్లరును సమానులు."]),
    "Kannada": ((0xC85, 0xCB9), ["ಎಲ್ಲಾ ಮಾನವರೂ ಸ್ವತಂತ್ರರಾಗಿಯೇ ಜನಿಸಿದ್ದಾರೆ."]),
    "Malayalam": ((0xD05, 0xD39), ["മനുഷ്യരെല്ലാവരും സ്വതന്ത്രരായി ജനിച്ചവരാണ്.", "അവന്‍ അവര്‍"]),
    "Sinhala": ((0xD85, 0xDC6), ["සියලු මනුෂ්‍යයෝ නිදහස්ව උපත ලබා ඇත."]),
    "Thai": ((0xE01, 0xE2E), ["มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกัน", "น้ำ ทำงาน"]),
    "Lao": ((0xE81, 0xEAE), ["ມະນຸດທຸກຄົນເກີດມາມີກຽດສັກສີ"]),
    "Tibetan": ((0xF40, 0xF69), ["འགྲོ་བ་མིའི་རིགས་རྒྱུད་ཡོངས་ལ་སྐྱེས་ཙམ་ཉིད་ནས་ཆེ་མཐོངས།"]),
    "Myanmar": ((0x1000, 0x1021), ["လူတိုင်းသည် တူညီ လွတ်လပ်သော ဂုဏ်သိက္ခာဖြင့် မွေးဖွားလာသည်။"]),
    "Khmer": ((0x1780, 0x17A2), ["មនុស្សទាំងអស់ កើតមកមានសេរីភាព និងសមភាព។"]),
    "Ethiopic": ((0x1200, 0x1248), ["የሰው ልጅ ሁሉ ሲወለድ ነጻና በክብርና በመብትም እኩልነት ያለው ነው።"]),
    "Cherokee": ((0x13A0, 0x13F4), ["ᏂᎦᏓ ᎠᏂᏴᏫ ᏂᎨᎫᏓᎸᎾ"]),
    "Canadian Aboriginal": ((0x1401, 0x1450), ["ᐃᓄᓕᒫᑦ ᐊᓂᖅᑎᕆᔪᓕᒫᑦ ᐃᓅᓕᓂᒃᑯᑦ"]),
    "Ogham": ((0x1681, 0x169A), ["᚛ᚑᚌᚐᚋ ᚑᚌᚐᚋ᚜"]),
    "Runic": ((0x16A0, 0x16EA), ["ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ"]),
    "Mongolian": ((0x1820, 0x1842), ["ᠬᠦᠮᠦᠨ ᠪᠦᠷ ᠲᠥᠷᠥᠵᠦ"]),
    "Han": (
        (0x4E00, 0x9FA5),
        ["人人生而自由，在尊严和权利上一律平等。", "人人生而自由，在尊嚴和權利上一律平等。", "機械學習 與 語言模型"],
    ),
    "Kana": ((0x3042, 0x3093), ["すべての人間は、生まれながらにして自由である。", "カタカナ ガギグ ﾊﾝｶｸ ｶﾞ"]),
    "Bopomofo": ((0x3105, 0x3129), ["ㄅㄆㄇㄈ ㄓㄨˋ ㄧㄣ"]),
    "Hangul": ((0xAC00, 0xD7A3), ["모든 인간은 태어날 때부터 자유로우며 평등하다.", "가각갂 ㄱㄴㄷ"]),
    "Yi": ((0xA000, 0xA48C), ["ꊿꂷꃅꄿꐨꐥ"]),
    "Tifinagh": ((0x2D30, 0x2D65), ["ⵉⵎⴷⴰⵏⴻⵏ ⴰⴽ ⵜⵍⴰⵍⵏ"]),
    "Coptic": ((0x2C80, 0x2CB1), ["ⲣⲱⲙⲉ ⲛⲓⲙ"]),
    "Glagolitic": ((0x2C30, 0x2C5E), ["ⰃⰎⰀⰃⰑⰎⰉⰜⰀ"]),
    "Javanese": ((0xA984, 0xA9B2), ["ꦱꦼꦢꦪ ꦩꦤꦸꦁꦱ"]),
    "Gothic": ((0x10330, 0x10349), ["𐌼𐌰𐌲 𐌲𐌻𐌴𐍃 𐌹̈𐍄𐌰𐌽"]),
    "Deseret": ((0x10400, 0x10427), ["𐐆𐐡 𐐁𐐙 𐐻𐑉𐐨"]),
    "Cuneiform": ((0x12000, 0x12100), ["𒀭𒂗𒆤 𒈗"]),
    "Hieroglyphs": ((0x13000, 0x13100), ["𓂀𓃭𓅓 𓆣"]),
    "Linear B": ((0x10000, 0x1000B), ["𐀀𐀁𐀂 𐀃"]),
    "Adlam": ((0x1E900, 0x1E943), ["𞤀𞤣𞤤𞤢𞤥 𞤆𞤵𞤤𞤢𞤪"]),
    "Han beyond the BMP": ((0x20000, 0x2A6D6), ["𠮷野家で𩸽を𠮟る", "𪜶𫝀𫠣𬂩"]),
    "Mathematical": ((0x1D400, 0x1D7CB), ["𝐀𝑩𝒞 𝔤𝕙𝖎 𝟎𝟗"]),
}

SPECIAL = (
    "[CLS] [SEP] [MASK] [PAD] [UNK] <s> </s> <unk> <pad> <mask> <|endoftext|> <|im_start|> <|im_end|> "
    "<|begin_of_text|> <|end_of_text|> <bos> <eos> <query> <doc> [Q] [D] Pelago graph <extra_id_0> <extra_id_7> "
    "<0x0A> <0xFF> ▁ Ġ ## </w>"
).split()
SPACES = [chr(c) for c in (9, 10, 11, 12, 13, 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F)]
SPACES += ["\u205f", "\u3000", "\r\n", "  ", "\n\n", " \n ", "\t\t"]
JOINERS = ["\u200c", "\u200d", "\u200b", "\u2060", "\u00ad", "\ufeff", "\u034f", "\ufe0f", "\u180e"]
BIDI = [("\u202a", "\u202c"), ("\u202b", "\u202c"), ("\u202d", "\u202c"), ("\u202e", "\u202c")]
BIDI += [("\u2066", "\u2069"), ("\u2067", "\u2069"), ("\u2068", "\u2069"), ("\u200e", "\u200f"), ("\u061c", "")]
EMOJI = [
    "😀",
    "👍🏽",
    "👩\u200d🚀",
    "👨\u200d👩\u200d👧\u200d👦",
    "🏳\ufe0f\u200d🌈",
    "🇯🇵",
    "1\ufe0f\u20e3",
    "❤\ufe0f\u200d🔥",
    "☺",
    "🫠",
    "🧑🏿\u200d🤝\u200d🧑🏻",
]
EMOJI += ["🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"]
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + list(
    "…—–‘’“”«»¡¿§¶†‡•‰′″‹›⁄€£¥₹₿№℃→≤≠∞√∑、。「」・！？；：،؛؟۔।॥።፣"
)
DIGITS = [
    "0123456789",
    "٠١٢٣٤٥٦٧٨٩",
    "۰۱۲۳۴۵۶۷۸۹",
    "०१२३४५६७८९",
    "০১২৩৪৫৬৭৮৯",
    "๐๑๒๓๔๕๖๗๘๙",
    "０１２３４５６７８９",
    "𝟘𝟙𝟚𝟛",
    "ⅠⅡⅢⅳ",
    "一二三四五",
    "½¼¾⅓",
    "①②③",
    "²³¹₀₁",
]
CODE = [
    'fn main() { println!("{}", 1 + 2); }',
    "SELECT * FROM t WHERE a = 'b' AND c IS NOT NULL;",
    "for (let i=0;i<n;++i){\n\tx[i] ^= y >>> 3;\n}",
    '{"key": [1, 2.5, -3e8, null, true]}',
    '<a href="https://example.org/?q=1&amp;r=2">link</a>',
    "ls -la /usr/bin | grep '^d' > out.txt 2>&1",
    "CamelCaseIdentifier snake_case_name kebab-case SCREAMING_CASE mixed123Case",
    "user.name+tag@mail.example.co.uk, +1 (555) 010-9999, 192.168.0.1, 12:34:56",
    "I'd've they'll SHE'S you're 'tis rock'n'roll",
    "H₂O CO₂ E=mc² x̄ ± σ/√n",
    "# Title\n\n* item one\n* item two\n\n> quote  \n`code`",
    "1234567890 12345 123 12 1 1,000,000.00 0x1F 1e-9 007",
]


# More words for the tokenizers to learn. Not in the corpus.
LESSONS = """
A browser opens a page, loads the model once, and keeps the session alive until the user closes the window.
The weather in the north was cold and windy, but the harbour stayed open for the ships that came from the south.
She wrote the first version of the program in a single night and spent the following year removing its mistakes.
Water boils at a lower temperature in the mountains because the pressure of the air is lower there.
The committee published its report on the question of whether the new bridge should be built near the old station.
Every tensor has a shape and a type, and every graph has inputs, outputs and the operations between them.
He looked at the painting for a long time before he noticed the small figure standing under the trees.
Search engines compare the meaning of a question with the meaning of documents and return the nearest ones.
The children played in the garden while their parents prepared the dinner and talked about the coming holidays.
Learning a language takes patience: listening, reading, speaking and writing support one another.
In the morning the market was full of people who were buying bread, vegetables, fish and flowers.
The experiment was repeated several times under different conditions, and the results were always the same.
Die Bibliothek der Universität ist auch am Sonntag geöffnet, und die Studenten arbeiten dort bis in die Nacht.
La ville est connue pour ses marchés, ses musées et la lumière qui tombe sur les maisons du vieux port.
El río cruza la ciudad de norte a sur, y los puentes unen los barrios más antiguos con los nuevos.
Вечером они сидели у окна и разговаривали о книгах, которые прочитали за последнее время.
Η θάλασσα ήταν ήρεμη και τα καράβια γύριζαν στο λιμάνι πριν από τη δύση του ήλιου.
""".strip().splitlines()


def random_word(chance, span, at_most=9):
    low, high = span
    word, length = "", chance.randint(max(1, at_most - 8), at_most)
    while len(word) < length:
        char = chr(chance.randint(low, high))
        if unicodedata.category(char)[0] in "LMN":
            word += char
    return word


def between(chance, text, pieces, rate):
    """`text` with one of `pieces` after some of its characters."""
    return "".join(char + (chance.choice(pieces) if chance.random() < rate else "") for char in text)


def of_script(chance, span, phrases, all_phrases, count):
    """`count` texts of one script: its phrases, and what may happen to them."""
    marks = [
        chr(c) for c in (0x300, 0x301, 0x302, 0x308, 0x30A, 0x323, 0x327, 0x328, 0x335, 0x345, 0x20DD, 0x1DC4, 0xFE20)
    ]
    made = list(phrases[: count // 2])
    turn = 0
    while len(made) < count:
        phrase = chance.choice(phrases)
        words = phrase.split(" ")
        letters = " ".join(random_word(chance, span) for _ in range(chance.randint(1, 6)))
        other = chance.choice(all_phrases).split(" ")[: chance.randint(1, 3)]
        opening, closing = chance.choice(BIDI)
        made.append(
            [
                lambda: unicodedata.normalize("NFD", phrase),
                lambda: unicodedata.normalize("NFC", phrase),
                lambda: unicodedata.normalize("NFKD", letters + " " + phrase[:20]),
                lambda: phrase.upper(),
                lambda: phrase.title() + "  " + letters.swapcase(),
                lambda: "".join(word + chance.choice(SPACES) for word in chance.sample(words, len(words))),
                lambda: letters,
                lambda: between(chance, phrase[:40], marks, 0.2),
                lambda: between(chance, phrase[:60], JOINERS, 0.15),
                lambda: " ".join(chance.sample(words, len(words))[:4] + other),
                lambda: "".join(word + chance.choice(PUNCTUATION) for word in words[:6]) + chance.choice(DIGITS),
                lambda: chance.choice(["", " "]).join(
                    piece for word in words[:5] for piece in (word, chance.choice(SPECIAL))
                ),
                lambda: "".join(words)[:60],
                lambda: opening + phrase[:50] + closing + " " + letters,
                lambda: between(chance, " ".join(words[:6]), EMOJI, 0.1),
                lambda: chance.choice(["", " ", "\n"]) + letters + chance.choice(["", " ", "\t", "\n\n"]),
            ][turn % 16]()
        )
        turn += 1
        if made[-1] in made[:-1]:
            made.pop()
    return made


def corpus():
    chance = random.Random(SEED)
    all_phrases = [phrase for _, phrases in SCRIPTS.values() for phrase in phrases]
    texts = list(FIRST)
    for name, (span, phrases) in SCRIPTS.items():
        texts += of_script(chance, span, phrases, all_phrases, 60 if name == "Latin" else 28)
    # Blank texts, and each kind of space alone, around and between words.
    texts += [space for space in SPACES] + [f"{space}a{space}b {space}" for space in SPACES]
    texts += ["".join(chance.choices(SPACES, k=chance.randint(2, 9))) for _ in range(20)]
    # Controls, noncharacters, private use, tags, unassigned.
    odd = [chr(c) for c in (*range(0x00, 0x20), *range(0x7F, 0xA0))]
    odd += [
        chr(c) for c in (0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0x1FFFE, 0x10FFFF, 0xE000, 0xF8FF, 0xF0000, 0x100000, 0xFFFD)
    ]
    odd += [chr(c) for c in (0x378, 0x2FE0, 0xE01F0, 0xE0001, 0xE0100, 0xFFF9, 0xFFFC, 0x1D173, 0x2065)]
    texts += [f"a{char}b {char} c{char}" for char in odd]
    # Special tokens, where their flags matter.
    for token in SPECIAL:
        word = chance.choice(["word", "Größe", "汉字", "x"])
        texts += [
            f"{word}{token}{word}",
            f"{word} {token} {word}",
            f"{word}  {token}, {token.lower()}{token.upper()} {token}",
        ]
    texts += [" ".join(chance.choices(SPECIAL, k=chance.randint(2, 5))) for _ in range(40)]
    # Long words and long texts.
    for piece in ["a", "ab", "é", "漢", "x1", "👍", "σ", "\u0301", "ﬀ", "."]:
        texts.append(piece * (300 // len(piece) + chance.randint(1, 40)))
    texts += [random_word(chance, (0x61, 0x7A), 330) for _ in range(3)]
    texts += [" ".join(chance.choices(all_phrases, k=8)) for _ in range(6)]
    # Emoji, numbers, punctuation, code.
    texts += ["".join(chance.choices(EMOJI + [" "], k=chance.randint(1, 6))) for _ in range(40)]
    texts += ["".join(chance.choices(PUNCTUATION + [" "], k=chance.randint(1, 14))) for _ in range(50)]
    texts += [
        chance.choice(["", "$", "-", "No. "]) + str(chance.randint(0, 10 ** chance.randint(1, 12))) for _ in range(30)
    ]
    texts += ["".join(chance.choices("".join(DIGITS) + ".,", k=chance.randint(1, 12))) for _ in range(20)]
    texts += CODE + [line.upper() for line in CODE] + [line.replace(" ", "  ") for line in CODE]
    texts = list(dict.fromkeys(texts))
    # Single characters of all of Unicode, alone and after a letter.
    while len(texts) < COUNT:
        char = chr(chance.randint(0x21, 0x323AF))
        if unicodedata.category(char) not in ("Cn", "Cs", "Co"):
            texts.append(
                chance.choice([char, f"a{char}", f"{char} {char.upper()}{char.lower()}", char + "\u0301" + char])
            )
            if texts[-1] in texts[:-1]:
                texts.pop()
    assert len(texts) == len(set(texts)) == COUNT, len(texts)
    assert texts[:IN_PLAIN] == FIRST
    assert not any(0xD800 <= ord(char) <= 0xDFFF for text in texts for char in text)
    return texts


def quoted(text):
    """JSON with letters as they are, and escapes for all that an editor might hide, change or fail to show."""
    out = []
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char == " " or unicodedata.category(char)[0] not in "CZ" and not unicodedata.combining(char):
            out.append(char)
        else:
            out.append(json.dumps(char)[1:-1])
    return '"' + "".join(out) + '"'


def write_corpus(fixtures):
    path = fixtures / "corpus.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[\n" + ",\n".join(map(quoted, corpus())) + "\n]\n", encoding="utf-8", newline="\n")
    assert json.loads(path.read_text(encoding="utf-8")) == corpus()
    print(f"{path}: {COUNT} texts, {path.stat().st_size:,} bytes")


# ---------------------------------------------------------------------------------------------------------------------
# The tokenizers

BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SPM_SCRIPTS = ["Latin", "Greek", "Cyrillic", "Hebrew", "Arabic", "Devanagari", "Thai", "Kana"]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")


MAKERS = {}


def folder(maker):
    """Marks what makes a folder: the function's name, with hyphens, is the folder's. It gives the files by name."""
    MAKERS[maker.__name__.replace("_", "-")] = maker
    return maker


def training():
    """What the tokenizers learn from: sentences, no random letters."""
    return [phrase for _, phrases in SCRIPTS.values() for phrase in phrases] * 2 + FIRST + CODE + LESSONS * 2


def flags(content, special=True, **set_flags):
    """One entry of `added_tokens_decoder`."""
    plain = {"lstrip": False, "normalized": not special, "rstrip": False, "single_word": False}
    return {"content": content, **plain, **set_flags, "special": special}


def mapped(token):
    """One entry of `special_tokens_map.json`."""
    return {key: value for key, value in token.items() if key != "special"}


def added(entries):
    """`added_tokens_decoder` as the `added_tokens` of tokenizer.json."""
    return [{"id": int(index), **token} for index, token in entries.items()]


def template(before, after):
    """A post-processor that puts tokens around the text. `before` and `after`: `{token: id}`."""
    one = lambda token: {"SpecialToken": {"id": token, "type_id": 0}}  # noqa: E731
    single = [*map(one, before), {"Sequence": {"id": "A", "type_id": 0}}, *map(one, after)]
    second = [{"Sequence": {"id": "B", "type_id": 1}}] + [
        {"SpecialToken": {"id": token, "type_id": 1}} for token in after
    ]
    tokens = {token: {"id": token, "ids": [index], "tokens": [token]} for token, index in {**before, **after}.items()}
    return {"type": "TemplateProcessing", "single": single, "pair": single + second, "special_tokens": tokens}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def byte_level(prefix=False, regex=True, trim=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": trim, "use_regex": regex}


def bert_normalizer(lowercase, accents=None, chinese=True):
    parts = {"clean_text": True, "handle_chinese_chars": chinese, "strip_accents": accents, "lowercase": lowercase}
    return {"type": "BertNormalizer", **parts}


def file(model, normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None, tokens=(), **more):
    """tokenizer.json."""
    parts = {"version": "1.0", "truncation": None, "padding": None, **more, "added_tokens": list(tokens)}
    parts |= {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor}
    return parts | {"decoder": decoder, "model": model}


def trained(model, trainer, normalizer, pre_tokenizer):
    """The `model` of a tokenizer.json, trained."""
    from tokenizers import Tokenizer

    parts = file({"type": "BPE", "vocab": {}, "merges": []}, normalizer, pre_tokenizer)
    tokenizer = Tokenizer.from_str(json.dumps(parts))
    tokenizer.model = model
    tokenizer.train_from_iterator(training(), trainer)
    return json.loads(tokenizer.to_str())["model"]


def word_piece(size, tokens, unknown, normalizer):
    from tokenizers import models, trainers

    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=tokens, limit_alphabet=size // 2, show_progress=False
    )
    return trained(models.WordPiece(unk_token=unknown), trainer, normalizer, {"type": "BertPreTokenizer"})


def byte_pairs(size, tokens, pre_tokenizer, normalizer=None):
    from tokenizers import models, pre_tokenizers, trainers

    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=tokens, initial_alphabet=sorted(alphabet), show_progress=False
    )
    return trained(models.BPE(), trainer, normalizer, pre_tokenizer)


def spm(size, kind="unigram", rule="identity", **more):
    """A SentencePiece model: its bytes and its parsed form."""
    import io

    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2

    # SentencePiece wants room for nearly all letters that it sees, so it sees fewer scripts.
    texts = [phrase for script in SPM_SCRIPTS for phrase in SCRIPTS[script][1]] * 2 + (LESSONS + CODE) * 2
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(line for text in texts for line in text.splitlines() if line.strip()),
        model_writer=out,
        vocab_size=size,
        model_type=kind,
        normalization_rule_name=rule,
        character_coverage=0.98,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **more,
    )
    parsed = sentencepiece_model_pb2.ModelProto()
    parsed.ParseFromString(out.getvalue())
    return out.getvalue(), parsed


def scores(parsed, start=0):
    return [[piece.piece, round(piece.score, 6)] for piece in parsed.pieces[start:]]


def unigram(vocab, unknown, fallback=False):
    return {"type": "Unigram", "unk_id": unknown, "vocab": vocab, "byte_fallback": fallback}


def config(name, model_type, decoder=None, **more):
    """tokenizer_config.json and the config.json beside it."""
    parts = {} if decoder is None else {"added_tokens_decoder": decoder}
    if name:
        parts["tokenizer_class"] = name
    return {"tokenizer_config.json": parts | more, "config.json": {"model_type": model_type}}


@folder
def bert_uncased():
    """The published form. Three tokens are in tokenizer_config.json alone, one in `additional_special_tokens` alone."""
    model = word_piece(1000, BERT, "[UNK]", bert_normalizer(True))
    tokens = {str(index): flags(token) for index, token in enumerate(BERT)}
    post = template({"[CLS]": 2}, {"[SEP]": 3})
    parts = file(model, bert_normalizer(True), {"type": "BertPreTokenizer"}, post, tokens=added(tokens))
    # Their numbers here are not what they get: a token that the vocabulary lacks gets the next free id.
    tokens["990"] = flags("<query>")
    tokens["991"] = flags("Pelago", special=False)
    tokens["992"] = flags("graph", special=False, normalized=False, single_word=True)
    names = {
        "cls_token": "[CLS]",
        "mask_token": "[MASK]",
        "pad_token": "[PAD]",
        "sep_token": "[SEP]",
        "unk_token": "[UNK]",
    }
    given = config("BertTokenizer", "bert", tokens, additional_special_tokens=["<query>", "[Q]"], do_lower_case=True)
    given["tokenizer_config.json"] |= names | {
        "model_max_length": 512,
        "strip_accents": None,
        "tokenize_chinese_chars": True,
    }
    return given | {
        "tokenizer.json": parts,
        "special_tokens_map.json": {key: mapped(flags(v)) for key, v in names.items()},
    }


@folder
def bert_cased():
    """tokenizer_config.json overrules the normalizer. Without `added_tokens_decoder`, the older files are read:
    `special_tokens_map.json` wants `[MASK]` with `lstrip`, and tokenizer.json, which has it without, is right."""
    model = word_piece(1000, BERT, "[UNK]", bert_normalizer(False, False, False))
    tokens = {str(index): flags(token) for index, token in enumerate(BERT)}
    post = template({"[CLS]": 2}, {"[SEP]": 3})
    parts = file(model, bert_normalizer(True), {"type": "BertPreTokenizer"}, post, tokens=added(tokens))
    given = config("BertTokenizer", "bert", do_lower_case=False, strip_accents=False, tokenize_chinese_chars=False)
    given["tokenizer_config.json"] |= {"model_max_length": 64, "padding_side": "left", "truncation_side": "left"}
    given["special_tokens_map.json"] = {
        "cls_token": "[CLS]",
        "mask_token": mapped(flags("[MASK]", lstrip=True)),
        "additional_special_tokens": ["<doc>"],
    }
    return given | {"tokenizer.json": parts, "added_tokens.json": {"<doc>": 1000, "Pelago": 1001}}


@folder
def distilbert():
    """Lower case with accents kept; `truncation` and `padding` in tokenizer.json, which a plain call does not apply.
    tokenizer_config.json has no `do_lower_case`: the class says true, whatever tokenizer.json says."""
    model = word_piece(1000, BERT, "[UNK]", bert_normalizer(True, False))
    tokens = {str(index): flags(token) for index, token in enumerate(BERT)}
    tokens["4"]["lstrip"] = True
    post = template({"[CLS]": 2}, {"[SEP]": 3})
    limits = {
        "truncation": {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0},
    }
    limits["padding"] |= {"pad_type_id": 0, "pad_token": "[PAD]"}
    normalizer = bert_normalizer(False, True, False)
    parts = file(model, normalizer, {"type": "BertPreTokenizer"}, post, tokens=added(tokens), **limits)
    return config("DistilBertTokenizer", "distilbert", tokens, strip_accents=False) | {"tokenizer.json": parts}


@folder
def mpnet():
    """WordPiece with the tokens of RoBERTa; `<mask>` takes the space before it."""
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    model = word_piece(1000, names + ["[UNK]", "<mask>"], "[UNK]", bert_normalizer(True))
    vocab = model["vocab"]
    tokens = {
        str(vocab[name]): flags(name, normalized=name != "[UNK]") for name in ["<s>", "<pad>", "</s>", "<unk>", "[UNK]"]
    }
    tokens[str(vocab["<mask>"])] = flags("<mask>", lstrip=True)
    post = {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": False,
    }
    parts = file(model, bert_normalizer(True), {"type": "BertPreTokenizer"}, post, tokens=added(tokens))
    given = config(
        "MPNetTokenizer", "mpnet", tokens, do_lower_case=True, strip_accents=None, tokenize_chinese_chars=True
    )
    given["tokenizer_config.json"] |= {"cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>", "eos_token": "</s>"}
    given["tokenizer_config.json"] |= {"unk_token": "[UNK]", "pad_token": "<pad>", "mask_token": "<mask>"}
    return given | {"tokenizer.json": parts}


@folder
def bpe_suffix():
    """BPE with `</w>`, for a class that takes tokenizer.json as it is: `do_lower_case` is not read."""
    from tokenizers import models, trainers

    normalizer = bert_normalizer(True)
    trainer = trainers.BpeTrainer(
        vocab_size=1000, special_tokens=["<unk>"], limit_alphabet=300, end_of_word_suffix="</w>", show_progress=False
    )
    bpe = models.BPE(unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True)
    model = trained(bpe, trainer, normalizer, {"type": "BertPreTokenizer"})
    parts = file(model, normalizer, {"type": "BertPreTokenizer"}, tokens=added({"0": flags("<unk>")}))
    given = config("PreTrainedTokenizerFast", "openai-gpt", do_lower_case=False, unk_token="<unk>", pad_token="<pad>")
    return given | {"tokenizer.json": parts}


@folder
def gpt2():
    """Byte-level BPE; tokenizer_config.json overrules `add_prefix_space`; tokenizer.json lacks the padding token."""
    model = byte_pairs(1000, ["<|endoftext|>"], byte_level())
    tokens = {"0": flags("<|endoftext|>")}
    parts = file(model, None, byte_level(), byte_level(trim=False), byte_level(), added(tokens))
    given = config("GPT2Tokenizer", "gpt2", tokens, add_prefix_space=True, pad_token="<|pad|>", model_max_length=1024)
    given["tokenizer_config.json"] |= dict.fromkeys(["bos_token", "eos_token", "unk_token"], "<|endoftext|>")
    return given | {"tokenizer.json": parts}


@folder
def roberta():
    """As GPT-2 the other way round: no `add_prefix_space` in tokenizer_config.json means false."""
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    model = byte_pairs(1000, names + ["<mask>"], byte_level())
    tokens = {str(index): flags(name, normalized=True) for index, name in enumerate(names)}
    tokens["4"] = flags("<mask>", lstrip=True)
    post = {
        "type": "RobertaProcessing",
        "sep": ["</s>", 2],
        "cls": ["<s>", 0],
        "trim_offsets": True,
        "add_prefix_space": True,
    }
    parts = file(model, None, byte_level(prefix=True), post, byte_level(), added(tokens))
    given = config("RobertaTokenizer", "roberta", tokens, errors="replace", trim_offsets=True, model_max_length=512)
    given["tokenizer_config.json"] |= {"cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>", "eos_token": "</s>"}
    given["tokenizer_config.json"] |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    return given | {"tokenizer.json": parts}


@folder
def qwen():
    """Split by a pattern, NFC, the end of the text as last token (Qwen3-Embedding), padding on the left."""
    split = {"type": "Split", "pattern": {"Regex": QWEN}, "behavior": "Isolated", "invert": False}
    pre = sequence("pretokenizers", split, byte_level(regex=False, trim=False))
    model = byte_pairs(700, [], pre, {"type": "NFC"})
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = {str(700 + index): flags(name) for index, name in enumerate(names)}
    tokens["703"] = flags("<tool_call>", special=False, normalized=False)
    post = sequence("processors", byte_level(trim=False, regex=False), template({}, {"<|endoftext|>": 700}))
    parts = file(model, {"type": "NFC"}, pre, post, byte_level(), added(tokens))
    given = config("Qwen2Tokenizer", "qwen3", tokens, add_bos_token=False, add_prefix_space=False, padding_side="left")
    given["tokenizer_config.json"] |= {"additional_special_tokens": names[1:], "bos_token": None, "unk_token": None}
    given["tokenizer_config.json"] |= {
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "model_max_length": 131072,
    }
    return given | {"tokenizer.json": parts}


@folder
def llama3():
    """Byte-level BPE that ignores merges for whole words, numbers in threes, `<|begin_of_text|>` first."""
    split = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
    pre = sequence("pretokenizers", split, byte_level(regex=False))
    model = byte_pairs(700, [], pre) | {"ignore_merges": True}
    # Whole words that no merge makes.
    model["vocab"] |= {"Ġembedding": 700, "sentence": 701}
    tokens = {str(702 + index): flags(name) for index, name in enumerate(["<|begin_of_text|>", "<|end_of_text|>"])}
    post = sequence("processors", byte_level(), template({"<|begin_of_text|>": 702}, {}))
    parts = file(model, None, pre, post, byte_level(), added(tokens))
    given = config(
        "PreTrainedTokenizerFast", "llama", tokens, clean_up_tokenization_spaces=True, model_max_length=131072
    )
    given["tokenizer_config.json"] |= {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>"}
    return given | {"tokenizer.json": parts}


def sentencepiece_pairs():
    """BPE with a token for each byte, as SentencePiece trains it: merges in the order of the pieces they make."""
    _, parsed = spm(900, "bpe", byte_fallback=True)
    vocab = {piece.piece: index for index, piece in enumerate(parsed.pieces)}
    merges = []
    for whole in vocab:
        pairs = [(whole[:at], whole[at:]) for at in range(1, len(whole)) if whole[:at] in vocab and whole[at:] in vocab]
        merges += sorted(pairs, key=lambda pair: (vocab[pair[0]], vocab[pair[1]]))
    parts = {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None}
    parts |= {"end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False}
    return parts | {"vocab": vocab, "merges": [list(pair) for pair in merges]}


def byte_decoder():
    replace = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    return sequence("decoders", replace, {"type": "ByteFallback"}, {"type": "Fuse"}, strip)


LLAMA = {str(index): flags(name, normalized=False) for index, name in enumerate(["<unk>", "<s>", "</s>"])}


@folder
def llama():
    """BPE with a fallback to bytes; `legacy` false, so only the start of the text gets `▁`."""
    post = template({"<s>": 1}, {})
    parts = file(sentencepiece_pairs(), None, metaspace("first", False), post, byte_decoder(), added(LLAMA))
    given = config("LlamaTokenizer", "llama", LLAMA, add_bos_token=True, add_eos_token=False, legacy=False)
    given["tokenizer_config.json"] |= {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": None}
    return given | {"tokenizer.json": parts}


@folder
def llama_older():
    """The older form, whose normalizer puts `▁` before everything. transformers 5 puts a Metaspace in its place."""
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    normalizer = sequence("normalizers", {"type": "Prepend", "prepend": "▁"}, replace)
    parts = file(sentencepiece_pairs(), normalizer, None, template({"<s>": 1}, {}), byte_decoder(), added(LLAMA))
    given = config("LlamaTokenizer", "llama", LLAMA, add_bos_token=True, add_eos_token=False, legacy=True)
    given["tokenizer_config.json"] |= {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "</s>",
    }
    return given | {"tokenizer.json": parts}


@folder
def mistral():
    """The older form as it is, and `add_eos_token`, which transformers 4 applies and 5 leaves to tokenizer.json."""
    given = llama_older()
    given["config.json"]["model_type"] = "mistral"
    given["tokenizer_config.json"]["add_eos_token"] = True
    return given


@folder
def gemma():
    """Spaces are `▁`, bytes for the rest, `<bos>` and `<eos>` around (EmbeddingGemma)."""
    model = sentencepiece_pairs()
    model["vocab"] = {
        {"<unk>": "<pad>", "<s>": "<eos>", "</s>": "<bos>"}.get(k, k): v for k, v in model["vocab"].items()
    }
    model["vocab"] |= {"<unk>": len(model["vocab"]), "<mask>": len(model["vocab"]) + 1}
    tokens = {str(model["vocab"][name]): flags(name) for name in ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]}
    tokens[str(len(model["vocab"]))] = flags("\n\n", special=False, normalized=False)
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    post = template({"<bos>": 2}, {"<eos>": 1})
    parts = file(model, replace, split, post, byte_decoder(), added(tokens))
    given = config(
        "GemmaTokenizer", "gemma3_text", tokens, add_bos_token=True, add_eos_token=True, model_max_length=2048
    )
    given["tokenizer_config.json"] |= {name + "_token": f"<{name}>" for name in ["bos", "eos", "pad", "unk", "mask"]}
    return given | {"tokenizer.json": parts}


@folder
def xlm_roberta():
    """Unigram with SentencePiece's `nmt_nfkc`: the one large folder."""
    import base64

    _, parsed = spm(900, rule="nmt_nfkc")
    vocab = [["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], *scores(parsed, 3), ["<mask>", 0.0]]
    charsmap = base64.b64encode(parsed.normalizer_spec.precompiled_charsmap).decode()
    names = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = {str(index): flags(name) for index, name in enumerate(names)}
    tokens[str(len(vocab) - 1)] = flags("<mask>", lstrip=True)
    normalizer = {"type": "Precompiled", "precompiled_charsmap": charsmap}
    pre = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace())
    parts = file(unigram(vocab, 3), normalizer, pre, template({"<s>": 0}, {"</s>": 2}), metaspace(), added(tokens))
    given = config("XLMRobertaTokenizer", "xlm-roberta", tokens, model_max_length=512)
    given["tokenizer_config.json"] |= {"cls_token": "<s>", "sep_token": "</s>", "bos_token": "<s>", "eos_token": "</s>"}
    given["tokenizer_config.json"] |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "<mask>"}
    return given | {"tokenizer.json": parts}


def albert_model(size=900):
    return spm(size, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols=["[CLS]", "[SEP]", "[MASK]"])


@folder
def albert():
    """Unigram; quotes, accents and case are mapped by the tokenizer's own rules."""
    vocab = scores(albert_model()[1])
    at = {token: index for index, (token, _) in enumerate(vocab)}
    tokens = {str(at[name]): flags(name) for name in ["<pad>", "<unk>", "[CLS]", "[SEP]"]}
    tokens[str(at["[MASK]"])] = flags("[MASK]", lstrip=True)
    quotes = [{"type": "Replace", "pattern": {"String": mark}, "content": '"'} for mark in ["``", "''"]]
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    mapping = [{"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}, spaces]
    pre = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace())
    post = template({"[CLS]": at["[CLS]"]}, {"[SEP]": at["[SEP]"]})
    parts = file(unigram(vocab, 1), sequence("normalizers", *quotes, *mapping), pre, post, metaspace(), added(tokens))
    given = config("AlbertTokenizer", "albert", tokens, do_lower_case=True, keep_accents=False, remove_space=True)
    given["tokenizer_config.json"] |= {
        "bos_token": "[CLS]",
        "eos_token": "[SEP]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    given["tokenizer_config.json"] |= {"unk_token": "<unk>", "pad_token": "<pad>", "mask_token": "[MASK]"}
    return given | {"tokenizer.json": parts}


@folder
def t5():
    """Unigram with `</s>` after the text and a hundred sentinels."""
    _, parsed = spm(900, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    sentinels = [f"<extra_id_{index}>" for index in range(100)]
    vocab = scores(parsed) + [[token, 0.0] for token in reversed(sentinels)]
    at = {token: index for index, (token, _) in enumerate(vocab)}
    tokens = {str(at[name]): flags(name) for name in ["<pad>", "</s>", "<unk>", *reversed(sentinels)]}
    pre = sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace())
    parts = file(unigram(vocab, 2), None, pre, template({}, {"</s>": 1}), metaspace(), added(tokens))
    given = config(
        "T5Tokenizer", "t5", tokens, additional_special_tokens=sentinels, extra_ids=100, model_max_length=512
    )
    given["tokenizer_config.json"] |= {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return given | {"tokenizer.json": parts}


@folder
def deberta_v2():
    """Unigram as DeBERTa v3 publishes it. transformers 5 makes the normalizer anew, 4 takes the file's."""
    vocab = scores(
        spm(
            900,
            pad_id=0,
            bos_id=1,
            eos_id=2,
            unk_id=3,
            bos_piece="[CLS]",
            eos_piece="[SEP]",
            pad_piece="[PAD]",
            unk_piece="[UNK]",
        )[1]
    )
    vocab.append(["[MASK]", 0.0])
    tokens = {str(index): flags(token) for index, token in enumerate(["[PAD]", "[CLS]", "[SEP]"])}
    tokens["3"] = flags("[UNK]", normalized=True)
    tokens[str(len(vocab) - 1)] = flags("[MASK]")
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    normalizer = sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": True}, spaces)
    post = template({"[CLS]": 1}, {"[SEP]": 2})
    pre = sequence("pretokenizers", metaspace())
    parts = file(unigram(vocab, 3), normalizer, pre, post, metaspace(), added(tokens))
    given = config(
        "DebertaV2Tokenizer", "deberta-v2", tokens, do_lower_case=False, split_by_punct=False, vocab_type="spm"
    )
    given["tokenizer_config.json"] |= {
        name + "_token": f"[{name.upper()}]" for name in ["cls", "sep", "pad", "unk", "mask"]
    }
    given["tokenizer_config.json"] |= {"bos_token": "[CLS]", "eos_token": "[SEP]"}
    return given | {"tokenizer.json": parts}


@folder
def modernbert():
    """Byte-level BPE with the tokens of BERT; runs of spaces are added tokens that the text is normalised for."""
    normalizer, pre = {"type": "NFC"}, byte_level()
    model = byte_pairs(700, [], pre, normalizer)
    tokens = {"700": flags("|||IP_ADDRESS|||", special=False)}
    for count in range(24, 1, -1):
        tokens[str(700 + len(tokens))] = flags(" " * count, special=False)
    for name in ["[UNK]", "[CLS]", "[SEP]", "[PAD]"]:
        tokens[str(700 + len(tokens))] = flags(name)
    tokens[str(700 + len(tokens))] = flags("[MASK]", lstrip=True)
    at = {token["content"]: int(index) for index, token in tokens.items()}
    post = template({"[CLS]": at["[CLS]"]}, {"[SEP]": at["[SEP]"]})
    parts = file(model, normalizer, pre, post, byte_level(), added(tokens))
    given = config("PreTrainedTokenizerFast", "modernbert", tokens, model_input_names=["input_ids", "attention_mask"])
    given["tokenizer_config.json"] |= {
        name + "_token": f"[{name.upper()}]" for name in ["cls", "sep", "pad", "unk", "mask"]
    }
    given["tokenizer_config.json"] |= {"clean_up_tokenization_spaces": True, "model_max_length": 8192}
    return given | {"tokenizer.json": parts}


@folder
def clip():
    """BPE with `</w>` over bytes, lower case, a pattern that drops what it does not match."""
    normalizer = sequence(
        "normalizers",
        {"type": "NFC"},
        {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
        {"type": "Lowercase"},
    )
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Removed", "invert": True}
    pre = sequence("pretokenizers", split, byte_level())
    from tokenizers import models, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=900,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    model = trained(models.BPE(end_of_word_suffix="</w>"), trainer, normalizer, pre)
    # The trainer has each letter with and without the suffix only where the text has it; CLIP has all.
    for char in sorted(pre_tokenizers.ByteLevel.alphabet()):
        model["vocab"].setdefault(char + "</w>", len(model["vocab"]))
    size = len(model["vocab"])
    model["vocab"] |= {"<|startoftext|>": size, "<|endoftext|>": size + 1}
    model |= {"unk_token": "<|endoftext|>", "continuing_subword_prefix": ""}
    tokens = {str(size): flags("<|startoftext|>", normalized=True), str(size + 1): flags("<|endoftext|>")}
    post = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", size + 1], "cls": ["<|startoftext|>", size]}
    post |= {"trim_offsets": False, "add_prefix_space": False}
    parts = file(model, normalizer, pre, post, byte_level(), added(tokens))
    given = config("CLIPTokenizer", "clip", tokens, do_lower_case=True, errors="replace", model_max_length=77)
    given["tokenizer_config.json"] |= {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>"}
    given["tokenizer_config.json"] |= {"unk_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
    return given | {"tokenizer.json": parts}


@folder
def word_level():
    """Words and an unknown token; each flag of an added token set on one; no class named but the general one."""
    words = sorted(
        {word for text in training()[:24] for word in text.lower().replace(".", "").split()} | {".", ",", "<"}
    )
    vocab = {token: index for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])}
    model = {"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"}
    tokens = {str(index): flags(token) for index, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]"])}
    start = len(vocab)
    tokens[str(start)] = flags("<mask>", lstrip=True, rstrip=True)
    tokens[str(start + 1)] = flags("graph", special=False, single_word=True, normalized=False)
    tokens[str(start + 2)] = flags("Pelago", special=False, rstrip=True)
    tokens[str(start + 3)] = flags("[Q]", special=False, normalized=True, lstrip=True)
    post = template({"[CLS]": 2}, {"[SEP]": 3})
    lower = sequence("normalizers", {"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"})
    parts = file(model, lower, {"type": "Whitespace"}, post, tokens=added(tokens))
    given = config("PreTrainedTokenizerFast", "bert", model_max_length=64, cls_token="[CLS]", sep_token="[SEP]")
    given["special_tokens_map.json"] = {"unk_token": "[UNK]", "pad_token": mapped(flags("[PAD]"))}
    return given | {"tokenizer.json": parts}


@folder
def unigram_general():
    """Unigram with bytes for what it lacks, for a class that takes tokenizer.json as it is; no post-processor."""
    vocab = scores(spm(900, byte_fallback=True)[1])
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"}
    strip = {"type": "Strip", "strip_left": False, "strip_right": True}
    tokens = {str(index): flags(token) for index, token in enumerate(["<unk>", "<s>", "</s>"])}
    normalizer = sequence("normalizers", {"type": "NFKC"}, strip, spaces)
    parts = file(unigram(vocab, 0, True), normalizer, metaspace(), None, metaspace(), added(tokens))
    given = config("PreTrainedTokenizerFast", "bert", tokens, add_eos_token=True, eos_token="</s>", unk_token="<unk>")
    return given | {"tokenizer.json": parts}


@folder
def files_bert():
    """`vocab.txt` alone, with settings."""
    model = word_piece(500, BERT, "[UNK]", bert_normalizer(False, False))
    given = config("BertTokenizer", "bert", do_lower_case=False, additional_special_tokens=["<query>"])
    return given | {"vocab.txt": "".join(token + "\n" for token in sorted(model["vocab"], key=model["vocab"].get))}


@folder
def files_roberta():
    """`vocab.json` and `merges.txt`, and no tokenizer_config.json at all: the class is the model type's."""
    model = byte_pairs(600, ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], byte_level())
    merges = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in model["merges"])
    return {"config.json": {"model_type": "roberta"}, "vocab.json": model["vocab"], "merges.txt": merges}


@folder
def files_xlm_roberta():
    """`sentencepiece.bpe.model` alone (the identity rule: no character map)."""
    return config("XLMRobertaTokenizer", "xlm-roberta") | {"sentencepiece.bpe.model": spm(500)[0]}


@folder
def files_t5():
    return config("T5Tokenizer", "t5") | {"spiece.model": spm(500, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)[0]}


@folder
def files_albert():
    return config("AlbertTokenizer", "albert", keep_accents=True) | {"spiece.model": albert_model(500)[0]}


@folder
def files_llama():
    given = config("LlamaTokenizer", "llama", legacy=False, add_bos_token=True, add_eos_token=True)
    return given | {"tokenizer.model": spm(700, "bpe", byte_fallback=True)[0]}


def write_tokenizers(fixtures, names):
    for name in names or MAKERS:
        target = fixtures / "tokenizers" / name
        target.mkdir(parents=True, exist_ok=True)
        size = 0
        for file_name, content in MAKERS[name]().items():
            path = target / file_name
            if isinstance(content, bytes):
                path.write_bytes(content)
            elif isinstance(content, str):
                path.write_text(content, encoding="utf-8", newline="\n")
            else:
                compact = file_name in ("tokenizer.json", "vocab.json")
                form = {"separators": (",", ":")} if compact else {"indent": 1, "sort_keys": True}
                path.write_text(json.dumps(content, ensure_ascii=False, **form) + "\n", encoding="utf-8", newline="\n")
            size += path.stat().st_size
        print(f"{target}: {size:,} bytes")


# ---------------------------------------------------------------------------------------------------------------------
# What transformers gives


def digest(rows):
    """SHA-256 over rows of numbers: decimal, joined by commas, a newline after each row."""
    return hashlib.sha256("".join(",".join(map(str, row)) + "\n" for row in rows).encode()).hexdigest()


def encoded(folder, texts):
    """The class, the ids and the token types of each text."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids, types = [], []
    for text in texts:
        given = tokenizer(text, truncation=False, padding=False)
        ids.append(list(given["input_ids"]))
        types.append(list(given.get("token_type_ids", [0] * len(given["input_ids"]))))
    return tokenizer, ids, types


def versions():
    from importlib.metadata import version

    return {name: version(name) for name in ["transformers", "tokenizers", "sentencepiece"]}


def write_expected(fixtures):
    texts = json.loads((fixtures / "corpus.json").read_text(encoding="utf-8"))
    found = {}
    for name in MAKERS:
        tokenizer, ids, types = encoded(fixtures / "tokenizers" / name, texts)
        found[name] = {
            "class": type(tokenizer).__name__.removesuffix("Fast"),
            "model_max_length": tokenizer.model_max_length if tokenizer.model_max_length < 10**9 else None,
            "padding_side": tokenizer.padding_side,
            "truncation_side": tokenizer.truncation_side,
            "pad_token_id": tokenizer.pad_token_id,
            "ids_sha256": digest(ids),
            "token_type_ids_sha256": digest(types),
            "first_ids": ids[:IN_PLAIN],
        }
        print(name, found[name]["class"], found[name]["ids_sha256"][:12])
    write_json(fixtures / "expected.json", {"versions": versions(), "texts": len(texts), "tokenizers": found})


def write_json(path, value):
    """JSON with a list of numbers on one line."""
    text = re.sub(r"\[[-\d,\s]*\]", lambda found: re.sub(r"\s+", "", found[0]), json.dumps(value, indent=1))
    path.write_text(text + "\n", encoding="utf-8", newline="\n")
    print(f"{path}: {path.stat().st_size:,} bytes")


def compare(fixtures, record):
    texts = json.loads((fixtures / "corpus.json").read_text(encoding="utf-8"))
    expected = json.loads((fixtures / "expected.json").read_text(encoding="utf-8"))
    print(f"here {versions()}, expected.json {expected['versions']}")
    here = versions()["transformers"]
    differ = 0
    for name, entry in expected["tokenizers"].items():
        others = entry.setdefault("others", {})
        others.pop(here, None)
        try:
            _, ids, types = encoded(fixtures / "tokenizers" / name, texts)
        except Exception as error:  # The other version may refuse a folder: that is a finding, not a failure of this.
            print(f"{name}: refused: {str(error)[:200]}")
            differ += 1
            continue
        hashes = {"ids_sha256": digest(ids), "token_type_ids_sha256": digest(types)}
        rows = zip(texts, ids, entry["first_ids"], strict=False)
        first = {index: (text, row, want) for index, (text, row, want) in enumerate(rows) if row != want}
        if all(entry[key] == value for key, value in hashes.items()):
            print(f"{name}: same")
            continue
        differ += 1
        others[here] = hashes | {"first_ids": {index: row for index, (_, row, _) in first.items()}}
        print(f"{name}: differs, {len(first)} of the first {IN_PLAIN}")
        for text, row, want in first.values():
            print(f"  {text!r}\n    here     {row}\n    expected {want}")
    if record:
        write_json(fixtures / "expected.json", expected)
        return 0
    return 1 if differ else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["corpus", "tokenizers", "expected", "compare"])
    parser.add_argument("names", nargs="*", metavar="NAME", help="the tokenizers to make; all of them if none is named")
    parser.add_argument("--fixtures", type=pathlib.Path, default=FIXTURES)
    parser.add_argument("--record", action="store_true", help="compare: write what differs to expected.json")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in MAKERS]:
        parser.error(f"no tokenizer {', '.join(unknown)}; there are {', '.join(MAKERS)}")
    if given.what == "corpus":
        write_corpus(given.fixtures)
    elif given.what == "tokenizers":
        write_tokenizers(given.fixtures, given.names)
    elif given.what == "expected":
        write_expected(given.fixtures)
    else:
        sys.exit(compare(given.fixtures, given.record))


if __name__ == "__main__":
    main()
