"""Answers in another language than their prompt, and translations, which are none."""

import random
from collections.abc import Sequence

from dirty.rows import Planted, Row

WEAK = "short texts (fewer than three small words of the language), close languages (Norwegian passes for Danish), mixes within a text, languages that are not of its table"
LEAST_RECALL = 0.9
OTHERS = (
    "Die Funktion gibt eine Liste der Dateien zurück, die in dem Verzeichnis liegen, und wirft einen Fehler, wenn es nicht da ist.",
    "La fonction renvoie une liste des fichiers qui sont dans le répertoire, et lève une erreur si elle ne le trouve pas.",
    "La función devuelve una lista de los archivos que hay en el directorio y lanza un error cuando no existe.",
    "La funzione restituisce una lista dei file che sono nella cartella, e solleva un errore quando non è presente.",
    "A função retorna uma lista dos arquivos que estão na pasta, e não dá erro quando ela está vazia, mas avisa o usuário.",
    "De functie geeft een lijst van de bestanden die in de map staan, en geeft een fout als die er niet is.",
    "Funkcja zwraca listę plików, które są w katalogu, a jeśli go nie ma, to zgłasza błąd i nie robi nic więcej.",
    "Funktionen returnerar en lista av filerna som finns i katalogen, och ger ett fel om den inte är där.",
    "Функция возвращает список файлов, которые есть в каталоге, и выдает ошибку, если его не существует.",
    "Функція повертає список файлів, які є в каталозі, та видає помилку, якщо він не існує.",
    "该函数返回目录中的文件列表，如果目录不存在则抛出错误。",
    "この関数はディレクトリにあるファイルの一覧を返し、存在しない場合はエラーになります。",
    "이 함수는 디렉터리에 있는 파일 목록을 반환하며 없으면 오류를 냅니다.",
    "تعيد الدالة قائمة بالملفات الموجودة في المجلد وتعطي خطأ إذا لم يكن موجودا.",
    "यह फ़ंक्शन फ़ोल्डर में मौजूद फ़ाइलों की सूची देता है और न होने पर त्रुटि देता है।",
    "Fonksiyon bu dizin için bir liste verir, ama dizin yok ise hata verir ve daha sonra hiç bir şey olmaz gibi.",
    "Fungsi ini mengembalikan daftar berkas yang ada di dalam folder, dan akan memberi kesalahan jika tidak ada.",
    "Funkce vrací seznam souborů, které jsou v adresáři, a pokud neexistuje, tak je to chyba, ale nic se nestane.",
)
ASKED = "Please explain to me what this function does with the files that are in the directory."
DECOY = "Translate this to the language of the reader: what does it do with the files in the directory?"
ENGLISH = (
    "It removes all of the files that are in the directory, and then the directory itself.",
    "It is the same as the other, but for the order of its arguments.",
)


def plant(rows: Sequence[Row], seed: int) -> Planted:
    """One answer of each language; some of them where a translation was asked for."""
    draw = random.Random(seed)
    changed = [dict(row) for row in rows]
    chosen, translations = draw.sample(OTHERS, 12), draw.sample(OTHERS[:8], 2)
    places = draw.sample(range(len(rows)), len(chosen) + len(translations) + len(ENGLISH))
    texts = (
        [(ASKED, text) for text in chosen]
        + [(DECOY, text) for text in translations]
        + [(ASKED, text) for text in ENGLISH]
    )
    for place, (prompt, answer) in zip(places, texts, strict=True):
        changed[place] |= {"prompt": prompt, "completion": answer}
    # A language that only a translation is in is stray, and rightly found.
    strays = places[len(chosen) : len(chosen) + len(translations)]
    return changed, frozenset([*places[: len(chosen)], *strays])
