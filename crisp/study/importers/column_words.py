"""Words of column headers in several languages, and what each tells about its column.

English, French, German, Spanish, Italian, Portuguese, Chinese and Japanese; in lower case, without accents.
"""

from __future__ import annotations

from collections.abc import Iterator

VIDEO, LABEL, BEGIN, END, DURATION = "video", "label", "begin", "end", "duration"
PLAYER, REGION, GROUP, SPLIT, FPS = "player", "region", "group", "split", "fps"
FRAMES, SECONDS, MILLISECONDS, TIME = "frames", "seconds", "milliseconds", "time"

ROLES = {
    VIDEO: """video videos videoname videofile videoid videopath file filename filepath clip clipname media
        movie film recording youtube
        fichier nomfichier enregistrement
        datei dateiname videodatei dateipfad aufnahme
        archivo fichero grabacion
        filmato registrazione
        arquivo ficheiro gravacao
        视频 影片 文件 文件名 录像 檔案 動画 ビデオ ファイル ファイル名 映像 クリップ""",
    LABEL: """label labels class classname category stroke shot action behavior behaviour event activity
        gesture technique move
        etiquette classe categorie coup geste action
        klasse kategorie schlag schlagart schlagtyp bezeichnung aktion etikett verhalten technik
        clase categoria etiqueta golpe accion gesto comportamiento tecnica
        classe etichetta colpo azione tecnica
        rotulo golpe acao
        标签 類別 类别 动作 击球 行为 技术 標籤
        ラベル クラス 動作 行動 技 打球 ストローク 種類""",
    BEGIN: """begin begins beginning start starts onset tmin
        debut commence commencement
        beginn anfang startzeit startbild anfangszeit beginnzeit startframe
        inicio comienzo principio
        inizio
        inicio comeco
        开始 起始 開始 始まり""",
    END: """end ends ending stop stops finish offset tmax
        fin arret
        ende endzeit endbild schluss endframe
        fin final termino
        fine
        fim termino
        结束 终止 結束 終了 終わり""",
    DURATION: """duration length
        duree
        dauer lange
        duracion
        durata
        duracao
        时长 持续 時長 長さ 持続 継続""",
    PLAYER: """player players athlete subject performer actor person
        joueur joueuse athlete sujet
        spieler spielerin athlet person sportler
        jugador jugadora atleta sujeto
        giocatore giocatrice atleta soggetto
        jogador jogadora atleta
        球员 选手 運動員 运动员 球員 選手 プレーヤー プレイヤー""",
    REGION: "region regions regione regiao bereich bildbereich 区域 領域",
    GROUP: "group groupe gruppe grupo gruppo 组 组别 グループ",
    SPLIT: """split subset partition
        sousensemble
        aufteilung teilmenge
        particion subconjunto
        partizione
        particao
        划分 子集 数据集 分割""",
    FPS: "fps framerate bildrate bildfrequenz cadence cadencia frequenza 帧率 フレームレート",
}
UNITS = {
    FRAMES: """frame frames frameno framenumber image images trame bild bilder bildnummer fotograma fotogramas
        fotogramma fotogrammi quadro quadros 帧 幀 フレーム コマ""",
    SECONDS: """s sec secs second seconds seconde secondes sek sekunde sekunden seg segundo segundos secondo
        secondi 秒""",
    MILLISECONDS: """ms msec millisecond milliseconds milliseconde millisecondes millisekunde millisekunden
        milisegundo milisegundos millisecondo millisecondi 毫秒 ミリ秒""",
    TIME: """time times timecode timestamp timestamps clock hms temps heure zeit uhrzeit zeitpunkt zeitstempel
        tiempo hora tempo ora orario 时间 時間 时刻 時刻 時點""",
}
# Without meaning beside another word. On its own, none is a header that is understood.
FILLERS = """of the in at t de du des la le les l d del della di da do dos der die das im el il o a
    name names nom nome nombre id path pfad chemin ruta point position code type typ tipo
    名 名称 名前 名稱 编号 番号 の 点"""
# A header of one of these words alone counts if no column says so more clearly.
WEAK = {
    BEGIN: "in from von de desde da time timecode timestamp temps zeit tiempo tempo hora 时间 時間 从",
    END: "out to bis hasta 至 まで",
    LABEL: "type typ tipo code annotation annotations tag tags comportement",
}


def _words(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    for meaning, words in texts.items():
        yield from ((word, meaning) for word in words.split())


ROLE_OF, UNIT_OF, WEAK_OF = (dict(_words(texts)) for texts in (ROLES, UNITS, WEAK))
KNOWN = {*ROLE_OF, *UNIT_OF, *FILLERS.split()}
# Longest first: in Chinese and Japanese, words are not separated, and one may begin with another.
UNSPACED = sorted((word for word in KNOWN if not word.isascii()), key=len, reverse=True)
