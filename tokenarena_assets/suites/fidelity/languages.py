# ruff: noqa: E501, RUF001 - nouns stand in a line, and letters are those of the languages
"""Short questions in languages other than English, their nouns in the form that the sentence asks for."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tokenarena_assets.suites.fidelity.pools import Kind


@dataclass(frozen=True, slots=True)
class Language:
    """Sentences with the blanks {one} and {other}, and the nouns that go into them."""

    name: str
    sentences: tuple[str, ...]
    nouns: tuple[str, ...]


def _of(name: str, sentences: tuple[str, ...], nouns: str) -> Language:
    return Language(name, sentences, tuple(nouns.split(", ")))


LANGUAGES = (
    _of(
        "German",
        (
            "Was ist der Unterschied zwischen {one} und {other}? Antworte in einem Satz.",
            "Was haben Menschen, die mit {one} arbeiten, mit Menschen gemeinsam, die mit {other} arbeiten? Ein Satz.",
            "Bilde einen Satz mit {one} und {other}, der mit „Gestern“ beginnt.",
        ),
        "einem Hammer, einer Säge, einem Fahrrad, einer Lampe, einem Fernrohr, einer Geige, einem Schiff, einer Brücke, "
        "einem Ofen, einer Uhr, einem Spiegel, einer Leiter, einem Korb, einer Kamera, einem Zelt, einer Schaufel, "
        "einem Kompass, einer Trommel, einem Schlüssel, einer Decke",
    ),
    _of(
        "French",
        (
            "Quelle est la différence entre {one} et {other} ? Réponds en une phrase.",
            "Qu'est-ce qui est le plus utile en voyage, {one} ou {other} ? Réponds en une phrase.",
            "Écris une phrase qui commence par « Hier » et qui contient {one} et {other}.",
        ),
        "un marteau, une scie, un vélo, une lampe, un télescope, un violon, un bateau, un pont, un four, une horloge, "
        "un miroir, une échelle, un panier, une caméra, une tente, une pelle, une boussole, un tambour, une clé, un tapis",
    ),
    _of(
        "Spanish",
        (
            "¿Qué diferencia hay entre {one} y {other}? Responde con una frase.",
            "¿Qué es más útil en un viaje, {one} o {other}? Responde con una frase.",
            "Escribe una frase que empiece por «Ayer» y que contenga {one} y {other}.",
        ),
        "un martillo, una sierra, una bicicleta, una lámpara, un telescopio, un violín, un barco, un puente, un carro, "
        "un reloj, un espejo, una escalera, una cesta, una cámara, una tienda, una pala, una brújula, un tambor, "
        "una llave, una manta",
    ),
    _of(
        "Italian",
        (
            "Che differenza c'è tra {one} e {other}? Rispondi con una frase.",
            "Che cosa è più utile in viaggio, {one} o {other}? Rispondi con una frase.",
            "Scrivi una frase che cominci con «Ieri» e che contenga {one} e {other}.",
        ),
        "un martello, una sega, una bicicletta, una lampada, un telescopio, un violino, una barca, un ponte, un forno, "
        "un orologio, uno specchio, una scala, un cesto, una macchina fotografica, una tenda, una pala, una bussola, "
        "un tamburo, una chiave, una coperta",
    ),
    _of(
        "Portuguese",
        (
            "Qual é a diferença entre {one} e {other}? Responda em uma frase.",
            "O que é mais útil em uma viagem, {one} ou {other}? Responda em uma frase.",
            'Escreva uma frase que comece com "Ontem" e que contenha {one} e {other}.',
        ),
        "um martelo, uma serra, uma bicicleta, uma lâmpada, um telescópio, um violino, um barco, uma ponte, um forno, "
        "um relógio, um espelho, uma escada, uma cesta, uma câmera, uma barraca, uma pá, uma bússola, um tambor, "
        "uma chave, um cobertor",
    ),
    _of(
        "Dutch",
        (
            "Wat is het verschil tussen {one} en {other}? Antwoord in één zin.",
            "Wat is nuttiger op reis, {one} of {other}? Antwoord in één zin.",
            'Schrijf een zin die met "Gisteren" begint en waarin {one} en {other} voorkomen.',
        ),
        "een hamer, een zaag, een fiets, een lamp, een telescoop, een viool, een boot, een brug, een oven, een klok, "
        "een spiegel, een ladder, een mand, een camera, een tent, een schop, een kompas, een trommel, een sleutel, een deken",
    ),
    _of(
        "Polish",
        (
            "Jaka jest różnica między {one} a {other}? Odpowiedz jednym zdaniem.",
            "Co łączy pracę z {one} i pracę z {other}? Odpowiedz jednym zdaniem.",
        ),
        "młotkiem, piłą, rowerem, lampą, teleskopem, gitarą, statkiem, mostem, piecem, zegarem, lustrem, drabiną, "
        "koszem, kamerą, namiotem, łopatą, kompasem, bębnem, kluczem, kocem",
    ),
    _of(
        "Russian",
        (
            "В чём разница между {one} и {other}? Ответь одним предложением.",
            "Что общего между {one} и {other}? Ответь одним предложением.",
        ),
        "молотком, пилой, велосипедом, лампой, телескопом, скрипкой, кораблём, мостом, печью, часами, зеркалом, "
        "лестницей, корзиной, камерой, палаткой, лопатой, компасом, барабаном, ключом, одеялом",
    ),
    _of(
        "Turkish",
        (
            "{one} ile {other} arasındaki fark nedir? Tek cümleyle cevap ver.",
            "Yolculukta hangisi daha yararlıdır: {one} mi, {other} mi? Tek cümleyle cevap ver.",
        ),
        "çekiç, testere, bisiklet, teleferik, mendil, gemi, defter, merdiven, sepet, çekmece, kürek, sandalye, ceket, "
        "iğne, kalem, pergel, tencere, gömlek, zil, kilit",
    ),
    _of(
        "Indonesian",
        (
            "Apa perbedaan antara {one} dan {other}? Jawab dengan satu kalimat.",
            "Mana yang lebih berguna dalam perjalanan, {one} atau {other}? Jawab dengan satu kalimat.",
            'Tulis satu kalimat yang dimulai dengan "Kemarin" dan memuat {one} dan {other}.',
        ),
        "palu, gergaji, sepeda, lampu, teleskop, biola, kapal, jembatan, kompor, jam, cermin, tangga, keranjang, kamera, "
        "tenda, sekop, kompas, gendang, kunci, selimut",
    ),
    _of(
        "Chinese",
        (
            "{one}和{other}有什么区别？请用一句话回答。",
            "旅行时，{one}和{other}哪个更有用？请用一句话回答。",
            "请写一个以“昨天”开头、包含{one}和{other}的句子。",
        ),
        "锤子, 锯子, 自行车, 台灯, 望远镜, 小提琴, 轮船, 桥, 烤箱, 钟, 镜子, 梯子, 篮子, 照相机, 帐篷, 铲子, 指南针, 鼓, 钥匙, 毯子",
    ),
    _of(
        "Japanese",
        (
            "{one}と{other}の違いは何ですか。一文で答えてください。",
            "旅行では{one}と{other}のどちらが役に立ちますか。一文で答えてください。",
            "「昨日」で始まり、{one}と{other}が出てくる文を一つ書いてください。",
        ),
        "ハンマー, のこぎり, 自転車, ランプ, 望遠鏡, バイオリン, 船, 橋, オーブン, 時計, 鏡, はしご, かご, カメラ, テント, "
        "シャベル, 方位磁石, 太鼓, 鍵, 毛布",
    ),
    _of(
        "Korean",
        (
            "다음 두 가지의 차이를 한 문장으로 설명하세요: {one}, {other}",
            "여행할 때 다음 중 무엇이 더 쓸모 있는지 한 문장으로 답하세요: {one}, {other}",
            "다음 두 낱말을 넣어 한 문장을 쓰세요: {one}, {other}",
        ),
        "망치, 톱, 자전거, 램프, 망원경, 바이올린, 배, 다리, 오븐, 시계, 거울, 사다리, 바구니, 카메라, 텐트, 삽, 나침반, 북, 열쇠, 담요",
    ),
    _of(
        "Arabic",
        (
            "ما الفرق بين {one} و{other}؟ أجب بجملة واحدة.",
            "أيهما أنفع في السفر: {one} أم {other}؟ أجب بجملة واحدة.",
        ),
        "المطرقة, المنشار, الدراجة, المصباح, المنظار, الكمان, السفينة, الجسر, الفرن, الساعة, المرآة, السلم, السلة, "
        "الكاميرا, الخيمة, المجرفة, البوصلة, الطبل, المفتاح, البطانية",
    ),
    _of(
        "Hindi",
        (
            "{one} और {other} में क्या अंतर है? एक वाक्य में उत्तर दीजिए।",
            "यात्रा में {one} और {other} में से क्या अधिक काम आता है? एक वाक्य में उत्तर दीजिए।",
        ),
        "आरी, साइकिल, दूरबीन, नाव, घड़ी, सीढ़ी, टोकरी, किताब, मेज़, कुर्सी, कैंची, सुई, कलम, बाल्टी, चादर, रस्सी, मोमबत्ती, "
        "बाँसुरी, कार, ट्रेन",
    ),
)


def _foreign(rng: random.Random) -> str:
    language = rng.choice(LANGUAGES)
    one, other = rng.sample(language.nouns, 2)
    return rng.choice(language.sentences).format(one=one, other=other)


FOREIGN = Kind("foreign", _foreign)
