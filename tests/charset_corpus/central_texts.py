"""Letters of the office in the languages of Central Europe and the Baltic."""

from __future__ import annotations

from charset_corpus.western_texts import lines

POLISH = lines("""
Dziękujemy za zamówienie, towar zostanie wysłany z Łodzi w najbliższy poniedziałek.
Zebranie zarządu przełożono na przyszły tydzień z powodu choroby przewodniczącego.
Proszę o przesłanie podpisanej umowy najpóźniej do końca bieżącego miesiąca.
Niestety część przesyłki została uszkodzona podczas transportu z Gdańska.
Czy mogą Państwo potwierdzić, że faktura została już zapłacona?
W załączniku przesyłam zestawienie wydatków za ubiegły kwartał.
Pan Wróblewski będzie nieobecny aż do środy, zastępuje go pani Żak.
Nasza spółka poszukuje doświadczonego księgowego z językiem niemieckim.
Ceny obowiązują od pierwszego września i nie obejmują kosztów dostawy.
Chciałbym się dowiedzieć, kiedy możemy się spodziewać następnej części.
Urządzenie działa prawidłowo od chwili wymiany wadliwego silnika.
Będziemy wdzięczni za jak najszybszą odpowiedź w tej sprawie.
Wszystkie próbki należy opisać i przechowywać w chłodnym pomieszczeniu.
Kierowca wyjeżdża z Poznania o siódmej i powinien być u Państwa przed południem.
Uprzejmie informujemy, że biuro będzie nieczynne w święta.
Zgodnie z ustaleniami obniżamy opłatę o pięć procent.
Klucz do magazynu wisi obok drzwi, jak zwykle na gwoździu.
Dyrektor zgodził się na podwyżkę dla pracowników działu sprzedaży.
Różnica między ofertami wynosi około trzystu złotych miesięcznie.
Życzymy Państwu wesołych świąt i szczęśliwego Nowego Roku.
Termin składania wniosków upływa w piątek o dwunastej.
Jeśli będą jakieś wątpliwości, proszę dzwonić bezpośrednio do mnie.
Książki, które pani zamówiła, są już gotowe do odbioru.
Prosimy o sprawdzenie, czy drukarka została podłączona do właściwej sieci.
Zależy nam na tym, żeby szkolenie odbyło się jeszcze w październiku.
Większość usterek usunięto, pozostałe zostaną naprawione w ciągu tygodnia.
""")

CZECH = lines("""
Děkujeme za Vaši objednávku, zboží odešleme z Plzně příští pondělí.
Schůze představenstva byla přesunuta na čtvrtek kvůli nemoci předsedy.
Prosíme o zaslání podepsané smlouvy nejpozději do konce tohoto měsíce.
Část zásilky byla bohužel při přepravě z Českých Budějovic poškozena.
Můžete prosím potvrdit, že faktura už byla zaplacena?
V příloze najdete přehled výdajů za uplynulé čtvrtletí.
Pan Dvořák bude až do středy mimo kancelář, zastupuje ho paní Nováčková.
Naše společnost hledá zkušeného účetního se znalostí němčiny.
Ceny platí od prvního září a nezahrnují náklady na dopravu.
Řidič vyjíždí z Brna v sedm hodin a měl by přijet před polednem.
Těšíme se na další spolupráci a přejeme hezký zbytek týdne.
Klíč od skladu visí vedle dveří, jako obvykle na hřebíku.
Zařízení běží bez závad od té doby, co jsme vyměnili větrák.
Můj kolega žádá o úplný výčet všech součástí včetně rozměrů.
""")

SLOVAK = lines("""
Ďakujeme za Vašu objednávku, tovar odošleme z Košíc v najbližší pondelok.
Schôdza predstavenstva bola presunutá na štvrtok pre chorobu predsedu.
Prosíme o zaslanie podpísanej zmluvy najneskôr do konca tohto mesiaca.
Časť zásielky bola, žiaľ, pri preprave z Bratislavy poškodená.
Môžete, prosím, potvrdiť, že faktúra už bola zaplatená?
V prílohe nájdete prehľad výdavkov za uplynulý štvrťrok.
Pán Kováč bude až do stredy mimo kancelárie, zastupuje ho pani Horňáková.
Naša spoločnosť hľadá skúseného účtovníka so znalosťou nemčiny.
Ceny platia od prvého septembra a nezahŕňajú náklady na dopravu.
Vodič vyráža zo Žiliny o siedmej a mal by prísť pred poludním.
Tešíme sa na ďalšiu spoluprácu a želáme pekný zvyšok týždňa.
Kľúč od skladu visí vedľa dverí, ako obyčajne na klinci.
Zariadenie beží bez porúch odvtedy, čo sme vymenili ventilátor.
""")

HUNGARIAN = lines("""
Köszönjük megrendelését, az árut jövő hétfőn küldjük el Győrből.
Az igazgatóság ülését csütörtökre halasztották az elnök betegsége miatt.
Kérjük, hogy az aláírt szerződést legkésőbb a hónap végéig küldje vissza.
A szállítmány egy része sajnos megsérült az úton Székesfehérvár felé.
Meg tudná erősíteni, hogy a számlát már kifizették?
Mellékelten küldöm az elmúlt negyedév költségeinek összesítését.
Szűcs úr szerdáig házon kívül van, addig Tóthné helyettesíti.
Cégünk tapasztalt könyvelőt keres német nyelvtudással.
Az árak szeptember elsejétől érvényesek, és nem tartalmazzák a szállítást.
A sofőr hétkor indul Debrecenből, és dél előtt megérkezik önökhöz.
Előre is köszönjük a gyors választ, és további jó munkát kívánunk.
A raktár kulcsa a szokásos helyen, az ajtó mellett függ.
A gép hibátlanul működik, mióta kicseréltük benne a hűtőt.
Őszintén sajnáljuk, hogy a különböző méretű dobozok összekeveredtek.
""")

ROMANIAN = lines("""
Vă mulţumim pentru comandă, marfa va fi expediată din Iaşi lunea viitoare.
Şedinţa consiliului a fost amânată pe joi din cauza bolii preşedintelui.
Vă rugăm să ne trimiteţi contractul semnat până la sfârşitul lunii.
Din păcate, o parte din marfă a fost deteriorată în timpul transportului.
Puteţi să ne confirmaţi că factura a fost deja plătită?
În anexă găsiţi situaţia cheltuielilor din trimestrul trecut.
Domnul Ştefănescu lipseşte până miercuri şi este înlocuit de doamna Tănase.
Societatea noastră caută un contabil cu experienţă şi cunoştinţe de germană.
Preţurile sunt valabile de la întâi septembrie şi nu includ transportul.
Şoferul pleacă din Braşov la şapte şi ajunge înainte de prânz.
Aşteptăm cu nerăbdare răspunsul dumneavoastră în această privinţă.
Cheia de la depozit se află lângă uşă, ca de obicei, în cui.
Instalaţia funcţionează fără defecţiuni de când am înlocuit motorul.
""")

CROATIAN = lines("""
Zahvaljujemo na narudžbi, robu šaljemo iz Šibenika sljedeći ponedjeljak.
Sjednica uprave odgođena je za četvrtak zbog bolesti predsjednika.
Molimo da nam potpisani ugovor pošaljete najkasnije do kraja mjeseca.
Dio pošiljke nažalost je oštećen prilikom prijevoza iz Požege.
Možete li potvrditi da je račun već plaćen?
U prilogu šaljem pregled troškova za prošlo tromjesečje.
Gospodin Đurić odsutan je do srijede, a zamjenjuje ga gospođa Kovačić.
Naše društvo traži iskusnog računovođu sa znanjem njemačkoga.
Cijene vrijede od prvog rujna i ne uključuju troškove dostave.
Vozač kreće iz Čakovca u sedam i stiže prije podneva.
Ključ od skladišta visi pokraj vrata, kao i obično na čavlu.
Uređaj radi bez greške otkad smo zamijenili neispravni hladnjak.
Želimo vam uspješan tjedan i veselimo se daljnjoj suradnji.
""")

SLOVENE = lines("""
Zahvaljujemo se za naročilo, blago bomo poslali iz Škofje Loke prihodnji četrtek.
Seja uprave je zaradi bolezni predsednika prestavljena na prihodnji teden.
Prosimo, da nam podpisano pogodbo vrnete najpozneje do konca meseca.
Del pošiljke se je žal med prevozom iz Črnomlja poškodoval.
Ali lahko potrdite, da je račun že plačan?
V prilogi pošiljam pregled stroškov za preteklo četrtletje.
Gospod Žnidaršič je odsoten do srede, nadomešča ga gospa Kovač.
Naše podjetje išče izkušenega računovodjo z znanjem nemščine.
Cene veljajo od prvega septembra in ne vključujejo stroškov dostave.
Voznik odpelje iz Tržiča ob sedmih in bo pri vas že pred poldnevom.
Ključ skladišča visi poleg vrat, kakor običajno na žeblju.
Naprava deluje brez napak, odkar smo zamenjali pokvarjeni črpalki.
Želimo vam uspešen začetek leta in še naprej veliko poslovnih uspehov.
""")

ESTONIAN = lines("""
Täname tellimuse eest, kaup saadetakse Põltsamaalt järgmisel esmaspäeval.
Juhatuse koosolek lükati esimehe haiguse tõttu edasi neljapäevale.
Palume allkirjastatud leping hiljemalt kuu lõpuks tagasi saata.
Kahjuks sai osa saadetisest veo käigus Võrust Tallinna kahjustada.
Kas võiksite kinnitada, et arve on juba tasutud?
Lisas on ülevaade möödunud kvartali väljaminekutest.
Härra Põld on kuni kolmapäevani ära, teda asendab proua Kärner.
Meie äriühing otsib kogenud raamatupidajat, kes oskab saksa keelt.
Hinnad kehtivad alates esimesest septembrist ega sisalda veokulusid.
Juht väljub Pärnust kell seitse ja jõuab kohale enne lõunat.
Laoruumi võti ripub nagu tavaliselt ukse kõrval naela otsas.
Seade töötab tõrgeteta sellest ajast, kui vahetasime jahuti välja.
Soovime teile edukat nädalat ja jääme ootama peatset vastust.
""")

LATVIAN = lines("""
Pateicamies par pasūtījumu, preces nosūtīsim no Rēzeknes nākamajā pirmdienā.
Valdes sēde priekšsēdētāja slimības dēļ ir pārcelta uz ceturtdienu.
Lūdzam parakstīto līgumu atsūtīt ne vēlāk kā līdz mēneša beigām.
Diemžēl daļa sūtījuma pārvadāšanas laikā no Jēkabpils ir bojāta.
Vai varat apstiprināt, ka rēķins jau ir samaksāts?
Pielikumā nosūtu pārskatu par iepriekšējā ceturkšņa izdevumiem.
Kalniņa kungs līdz trešdienai nebūs birojā, viņu aizstāj Bērziņas kundze.
Mūsu uzņēmums meklē pieredzējušu grāmatvedi ar vācu valodas zināšanām.
Cenas ir spēkā no pirmā septembra un neietver piegādes izmaksas.
Šoferis izbrauc no Cēsīm septiņos un ieradīsies pirms pusdienām.
Noliktavas atslēga kā parasti karājas blakus durvīm uz naglas.
Iekārta darbojas bez kļūmēm, kopš esam nomainījuši bojāto dzesētāju.
Vēlam veiksmīgu nedēļu un ceram uz turpmāku sadarbību.
""")

LITHUANIAN = lines("""
Dėkojame už užsakymą, prekes iš Šiaulių išsiųsime kitą pirmadienį.
Valdybos posėdis dėl pirmininko ligos nukeltas į ketvirtadienį.
Prašome pasirašytą sutartį atsiųsti ne vėliau kaip iki mėnesio pabaigos.
Deja, dalis siuntos buvo sugadinta vežant iš Panevėžio.
Ar galite patvirtinti, kad sąskaita jau apmokėta?
Priede siunčiu praėjusio ketvirčio išlaidų suvestinę.
Ponas Žukauskas iki trečiadienio išvykęs, jį pavaduoja ponia Čepaitė.
Mūsų įmonė ieško patyrusio buhalterio, mokančio vokiečių kalbą.
Kainos galioja nuo rugsėjo pirmosios ir į jas neįeina pristatymas.
Vairuotojas išvyksta iš Kėdainių septintą ir atvyks prieš pietus.
Sandėlio raktas kaip visada kabo šalia durų ant vinies.
Įrenginys veikia be trikčių nuo tada, kai pakeitėme aušintuvą.
Linkime sėkmingos savaitės ir tikimės tolesnio bendradarbiavimo.
""")
