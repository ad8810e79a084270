"""The texts of the goldens of annotate and clean, by name: good prose, and texts that each break some rule, more and more so."""

from collections.abc import Iterator

PROSE = (
    "The old harbour lies at the end of a narrow road that winds down from the hills. In the morning the boats go out "
    "with the tide, and the people of the village watch them from the wall. Most of the houses were built by fishermen, "
    "who have left their marks over the doors. A small museum shows nets, lamps and charts that nobody uses any more. "
    "Visitors come in summer to eat at one of the two inns, and to walk along the cliffs as far as the lighthouse. "
    "When the weather turns, the harbour is quiet again, and only the bell of the buoy can be heard at night."
)
SENTENCE = "This sentence is here to be repeated by the next ones."
GERMAN = (
    "Der alte Hafen liegt am Ende einer schmalen Straße, die sich von den Hügeln herunterwindet. Am Morgen fahren die "
    "Boote mit der Flut hinaus, und die Leute des Dorfes sehen ihnen von der Mauer aus zu. Die meisten Häuser wurden von "
    "Fischern gebaut, die ihre Zeichen über den Türen hinterlassen haben. Ein kleines Museum zeigt Netze und Lampen."
)
CHINESE = (
    "老港口位于一条从山上蜿蜒而下的窄路尽头。早晨船只随着潮水出海，村民们站在墙边看着它们。大多数房屋是渔民建造的，他们在门上留下了自己的记号。"
    "一座小博物馆展出没有人再使用的渔网、油灯和海图。夏天游客来到两家客栈之一吃饭，沿着悬崖一直走到灯塔。天气变坏的时候，港口又安静下来。"
)
THAI = (
    "ท่าเรือเก่าอยู่สุดถนนแคบที่คดเคี้ยวลงมาจากเนินเขา ในตอนเช้าเรือออกไปพร้อมกับน้ำขึ้น ชาวบ้านยืนดูจากกำแพง บ้านส่วนใหญ่สร้างโดยชาวประมง "
    "พิพิธภัณฑ์เล็กแห่งหนึ่งแสดงแห ตะเกียง และแผนที่ซึ่งไม่มีใครใช้อีกแล้ว ในฤดูร้อนนักท่องเที่ยวมากินอาหารและเดินเลียบหน้าผาไปจนถึงประภาคาร"
)
UNSURE = "Ok taxi hotel radio 12 video 7 piano solo alto Berlin Paris Madrid."

# Each breaks a rule of those families that reject whole documents for what they say or for how they look.
SINGLE = {
    "prose": PROSE,
    "prose with marks": f"“{PROSE}” — he said; “yes”, (she) answered... Well!",
    "short": "A short text with the few words that it has.",
    "blank": " \n\t\n ",
    "german": GERMAN,
    "chinese": CHINESE,
    "thai": THAI,
    "chinese again": f"{CHINESE}\n{CHINESE[:60]}\n{CHINESE}",
    "mixed": f"{PROSE}\n\n{GERMAN}\n\n{PROSE[:300]}",
    "unsure": UNSURE,
    "capitals": PROSE.upper(),
    "short words": "a b c d e f g h i j k l m n o p q r s t " * 5,
    "long words": "incomprehensibilities counterrevolutionaries of and the " * 12,
    "numbers": "12 345 6789 the of and 2024 17 " * 12,
    "no stop words": "harbour boats lamps nets charts cliffs bell buoy road hills tide wall " * 6,
    "many words": "word and the " * 34_000,
    "lorem": f"{PROSE}\nLorem ipsum dolor sit amet.",
    "curly": f"{PROSE}\nfunction () {{ return 1; }}",
    "javascript": f"{PROSE}\nPlease enable JavaScript to see this page.",
    "policy": f"{PROSE}\nThis site uses cookies, see our privacy policy and the terms of use.",
    "citations": f"{PROSE}\nThe wall is old.[12] It was built by hand.[citation needed] Some say so.[edit]",
    "long word": f"{PROSE}\nA line with one word {'x' * 1001} that is too long.",
    "few words a line": f"{PROSE}\nMenu\nHome page\nThree words here.",
    "no end mark": f"{PROSE}\nA line that ends without a mark\nA line that ends in dots...",
    "list": "one\ntwo\nthree\n" * 20,
    "three sentences": "One is short. Two is as well. Three is the last.",
    "hindi marks": "यह एक पुराना बंदरगाह है।\n" * 3 + PROSE,
}


def _graded() -> Iterator[tuple[str, str]]:
    """Texts in which more and more is repeated, or is of a kind."""
    for n in (1, 2, 3, 4, 6, 9, 14):
        yield f"{n} equal sentences", f"{PROSE} {' '.join([SENTENCE] * n)}"
        yield f"{n} equal lines", f"{PROSE}\n" + "\n".join([SENTENCE] * n)
        yield f"{n} equal paragraphs", f"{PROSE}\n\n" + "\n\n".join([SENTENCE] * n)
        yield f"{n} equal short lines", f"{PROSE}\n" + "\n".join(["Next."] * n)
        yield f"{n} equal pairs", PROSE + " so far" * (3 * n)
        yield f"{n} hashes", PROSE + " #" * (4 * n)
        yield f"{n} dots", PROSE + " and..." * (4 * n)
        yield f"{n} dot lines", PROSE + "\nand so on …" * n
        yield f"{n} bullets", "\n".join(f"{'•' if k % 2 else '-'} {line}" for k, line in enumerate(_lines() * n))
        yield f"{n} short lines", PROSE + "".join(f"\nshort line {k}" for k in range(3 * n))


def _lines() -> list[str]:
    return PROSE.split(". ")


TEXTS = SINGLE | dict(_graded())
