"""Letters of the office in the languages of Western Europe, one sentence a line."""

from __future__ import annotations


def lines(text: str) -> tuple[str, ...]:
    """Return the sentences of a block, one a line."""
    return tuple(line for line in map(str.strip, text.splitlines()) if line)


ENGLISH = lines("""
Please find the revised figures for the naïve forecast in the attached résumé of the project.
The café on the ground floor costs £450 a month more than we agreed in March.
Our façade contractor wants £2,300 in advance, and the rest at the end of the job.
José and Zoë will join the meeting on Tuesday, the others dial in from Montréal.
The temperature in the server room must never rise above 24°C, day or night.
We paid £95 for the parts and £40 for the freight, both without tax.
Mr Müller asked whether the exposé can be ready before the trade fair.
The protégé of Mrs Brontë takes over the accounts in São Paulo next week.
Half of the stock (½ pallet) is still in the warehouse behind the café.
It is a fait accompli: the clichés stay in the brochure, and we pay the £80.
The client’s lawyer says the contract “as it stands” can’t be signed.
Prices have risen by 3% since June – we’ll pass on only half of that.
The entrée was cold, but the soufflé made up for it, as our guests from Málaga said.
""")

PLAIN_ENGLISH = lines("""
Thank you for your order of last Friday; the goods leave our warehouse tomorrow morning.
Could you send me the minutes of the meeting before the end of the week?
The new price list is valid from the first of May and replaces all older ones.
I am out of the office until Monday; in urgent cases please call my deputy.
We have checked the invoice and found that two items were charged twice.
The printer on the third floor is out of order again, so use the one next door.
Please confirm the delivery date by return of mail, otherwise we must cancel.
Our technician will visit you on Wednesday between nine and eleven.
The backup of the mail server ran without errors over the weekend.
As agreed on the phone, we grant you a discount of five percent.
All visitors have to sign the book at the entrance and wear a badge.
The training starts at ten o'clock in the large conference room.
""")

GERMAN = lines("""
Die Lieferung verzögert sich leider um zwei Tage, weil das Schiff in Brünn nicht fährt.
Können Sie uns bis Freitag die überarbeitete Auftragsbestätigung schicken?
Für die Prüfung der Unterlagen benötigen wir noch Ihre vollständige Anschrift.
Herr Schäfer ist bis einschließlich Dienstag außer Haus und danach wieder erreichbar.
Wir möchten uns für die späte Rückmeldung entschuldigen und bitten um Ihr Verständnis.
Die Geschäftsführung hat dem Vorschlag gestern Nachmittag endgültig zugestimmt.
Bitte überweisen Sie den Betrag von 1.250 Mark auf das unten aufgeführte Konto.
Unsere Büros in München und Düsseldorf bleiben während der Feiertage geschlossen.
Der Schlüssel für den Lagerraum hängt wie üblich im Schrank neben der Tür.
Vielen Dank für das ausführliche Gespräch während der Messe in Köln.
Ab nächster Woche gelten für alle Kunden die neuen Geschäftsbedingungen.
Die Maße der Stahlträger stimmen nicht mit der Zeichnung überein.
Ich würde mich über eine baldige Antwort sehr freuen.
Frau Groß übernimmt die Buchführung für das laufende Geschäftsjahr.
Das Gerät läuft seit dem Austausch des Lüfters störungsfrei.
Wegen des großen Andrangs müssen wir die Veranstaltung in einen größeren Saal verlegen.
Die Gebühren für das zweite Quartal sind spätestens am fünfzehnten fällig.
Wir bestätigen den Empfang Ihrer Bestellung und liefern frühestens am Mittwoch.
Der Fahrer konnte die Straße wegen einer Baustelle nicht rechtzeitig räumen.
Zur Ergänzung fügen wir eine Übersicht über die Verkäufe im März bei.
Über die Höhe des Rabatts müßten wir noch einmal ausführlich sprechen.
Könnten Sie bitte prüfen, ob die Türen für den Versand gekennzeichnet wurden?
Das Angebot umfaßt Möbel für zwölf Arbeitsplätze einschließlich der Stühle.
Schöne Grüße aus Österreich, auch an Ihre Kollegen in Zürich!
Der „Vertrag über die künftige Zusammenarbeit“ liegt zur Unterschrift bereit.
Der Preis beträgt 480 € zuzüglich der gesetzlichen Mehrwertsteuer.
""")

FRENCH = lines("""
Nous avons bien reçu votre commande et nous vous en remercions très sincèrement.
La réunion prévue mardi a été reportée à la semaine prochaine, même heure.
Veuillez trouver ci-joint le relevé détaillé des dépenses du mois de février.
Notre société a déménagé : nos bureaux sont désormais situés à Orléans.
Pourriez-vous nous préciser la quantité exacte que vous désirez recevoir ?
Le matériel endommagé a été renvoyé à l'expéditeur dès son arrivée.
Les délais de livraison étant dépassés, nous annulons la totalité du marché.
Monsieur Lefèvre sera présent à Genève du trois au sept août.
Je vous prie d'agréer, Madame, l'expression de mes sentiments distingués.
Le problème a été résolu grâce à l'intervention rapide de votre équipe.
Les frais d'hôtel et de déplacement seront pris en charge par l'entreprise.
Où en êtes-vous avec la préparation du séminaire de Besançon ?
Le dépôt sera fermé à partir de midi pour cause d'inventaire général.
Votre réclamation a été transmise à notre service après-vente.
Il nous manque encore la signature du gérant pour clôturer le dossier.
Les échantillons demandés vous parviendront en début de semaine.
La facture réglée le mois passé a été débitée deux fois par erreur.
Merci de vérifier que toutes les pièces ont été correctement numérotées.
Le prix indiqué s'entend hors taxes, emballage compris, départ usine.
Après réflexion, la direction préfère garder le système actuel.
Cette année, la fête du personnel aura lieu au château de Vaux.
Les nouveaux employés seront accueillis à l'entrée principale.
Même si le modèle coûte plus cher, il répond mieux à nos besoins.
Ça ne représente qu'une très légère différence par rapport à l'été précédent.
Le coût total du chantier s'élève à 3 200 € d'après l'ingénieur.
Jusqu'à présent, aucun élément nouveau n'a été porté à notre connaissance.
""")

SPANISH = lines("""
Le agradecemos su pedido del día quince y le confirmamos la recepción del mismo.
La reunión de mañana se celebrará en el salón pequeño a las diez y media.
¿Podría enviarnos el catálogo más reciente y la lista de precios de este año?
El señor Núñez está de viaje, pero contestará en cuanto regrese a la oficina.
Según nuestra información, el camión salió de Logroño el miércoles por la mañana.
Adjuntamos la factura corregida y le pedimos disculpas por la confusión.
También necesitamos los teléfonos de los técnicos que trabajarán en la instalación.
El próximo envío llegará a través del puerto de Málaga, si no hay más retrasos.
¡Enhorabuena por los magníficos resultados del último año económico!
Por razones técnicas, el almacén permanecerá cerrado todo el sábado.
La compañía de seguros aún no ha dado su opinión sobre los daños.
Quedamos a su disposición para cualquier aclaración que estime oportuna.
Doña Inés firmará el contrato después de la revisión jurídica.
El año pasado vendimos más máquinas de coser que en toda la década anterior.
""")

PORTUGUESE = lines("""
Agradecemos a sua encomenda e informamos que a expedição será feita amanhã.
A reunião da administração foi adiada para a próxima segunda-feira às três horas.
Não recebemos até agora a confirmação do pagamento da última prestação.
O relatório está em anexo; peço que verifique as alterações na terceira página.
As condições gerais de venda são válidas para todas as regiões do país.
O senhor João Magalhães está de férias e só regressa no início de março.
Haverá uma redução de preços nos artigos de verão a partir de amanhã.
Para qualquer informação adicional, não hesite em contactar o nosso escritório.
A direção decidiu que a inscrição na formação é obrigatória para os técnicos.
Os senhores já têm à disposição a nova versão do programa de gestão.
É necessário que a declaração seja assinada também pelo representante em São Tomé.
O avião chega às oito da manhã, mas o armazém só abre às nove.
Lamentamos o incómodo que esta situação possa ter causado à vossa organização.
""")

ITALIAN = lines("""
La riunione è stata spostata a venerdì perché il direttore non può venire lunedì.
Le comunichiamo che la merce è già partita e sarà da voi entro giovedì.
Il prezzo è più alto dell'anno scorso, ma la qualità è senz'altro migliore.
C'è ancora qualche difficoltà con la dogana, però speriamo di risolverla domattina.
La società ha aperto una nuova attività commerciale nella città di Forlì.
Per favore, mi dica se la quantità indicata è corretta o se c'è un errore.
La fattura sarà pagata a metà mese, cioè subito dopo la chiusura contabile.
Non è possibile cambiare l'ordine, poiché la produzione è cominciata lunedì.
Il signor Niccolò le telefonerà martedì per la pubblicità sulla rivista.
Abbiamo già verificato la disponibilità: il modello più grande è esaurito.
Più tardi le invierò la novità di cui abbiamo parlato alla fiera, cioè il catalogo.
La responsabilità è del trasportatore, perché l'imballaggio era in perfetto stato.
Così com'è, il contratto non può essere firmato né da noi né dalla banca.
""")

DUTCH = lines("""
Wij hebben de één na laatste versie van het contract geïmporteerd en nagekeken.
De coördinatie van de twee projecten ligt vanaf nu bij onze collega in België.
Kunt u ons vóór maandag laten weten of de financiële gegevens kloppen?
De ruïne naast het magazijn wordt volgend jaar geheel geïsoleerd en verbouwd.
Uw reactie op de enquête over het café in de hal wordt zeer op prijs gesteld.
De reünie van oud-medewerkers vindt plaats in een hotel in Curaçao.
Er zijn twee ideeën voor de beëindiging van de huidige overeenkomst.
De patiënten en cliënten zijn geïnformeerd over de efficiënte werkwijze.
Het comité heeft zijn bezwaren geuit, maar wij zijn niet geïmponeerd.
Onze financiële afdeling wil de één of andere garantie van de leverancier.
Daarna reizen wij via Italië naar Oekraïne voor de jaarlijkse beurs.
Alle industriële onderdelen worden geüniformeerd en opnieuw geëtiketteerd.
Wat de reële kosten betreft, hebben de geïnteresseerde partijen nog één maand.
""")

SWEDISH = lines("""
Tack för din beställning, varorna skickas från lagret i Malmö på måndag.
Mötet är flyttat till nästa vecka eftersom flera deltagare är på semester.
Kan du vänligen kontrollera att fakturan är rätt innan vi betalar den?
Vi behöver också en förteckning över alla maskiner som står i källaren.
Företaget söker en erfaren säljare för området kring Göteborg och Borås.
Jag återkommer så snart jag har hört något från våra ägare i Örebro.
Priset gäller för hela året och påverkas inte av ändrade råvarukostnader.
Det är tråkigt att höra att leveransen från Åbo blev försenad igen.
Nyckeln till förrådet ligger på hyllan till vänster om dörren.
Kunden är nöjd med lösningen men vill gärna få lägre årsavgift.
Vi önskar alla våra medarbetare en riktigt trevlig sommar på västkusten.
Åtgärderna som vi föreslår kräver att två anställda arbetar på lördag.
Var snäll och fyll i blanketten även för övertid under föregående månad.
""")

DANISH = lines("""
Tak for jeres ordre, som vi håber at kunne sende fra København på tirsdag.
Mødet er udsat til næste uge, fordi flere af deltagerne er på rejse.
Vær venlig at undersøge, om vores regning fra august allerede er betalt.
Vi har desværre ikke flere røde stole på lager, men de grønne kan fås.
Jeg foreslår, at vi drøfter spørgsmålet om prisen på førstkommende møde.
Firmaet søger en dygtig sælger til området omkring Århus og Ålborg.
Nøglen hænger på kontoret ved siden af døren til kælderen.
Alle rejseudgifter bør være afregnet senest én måned efter hjemkomsten.
Chaufføren kører fra Sønderborg klokken syv og når frem før frokost.
Vi beklager den lange ventetid og håber på fortsat godt samarbejde.
Ændringerne træder i kraft fra årsskiftet og gælder også for Færøerne.
Det er hårdt nødvendigt at få løst problemet med køleanlægget inden påske.
Må jeg minde om, at tilbuddet udløber på lørdag ved midnat?
""")

NORWEGIAN = lines("""
Takk for bestillingen, vi sender varene fra lageret i Tromsø på mandag.
Møtet er utsatt til neste uke fordi flere av deltakerne er på reise.
Kan du være så snill å undersøke om fakturaen fra høsten er betalt?
Vi trenger også en oversikt over alle utgifter til kjøretøyene våre.
Selskapet søker en erfaren selger for området rundt Ålesund og Førde.
Nøkkelen til kjelleren ligger på hylla ved siden av døra.
Prisen gjelder ut året og påvirkes ikke av høyere råvarekostnader.
Dessverre er båten fra Bodø forsinket på grunn av dårlig vær.
Jeg foreslår at vi drøfter spørsmålet over en kopp kaffe på fredag.
Alle ansatte må fylle ut skjemaet før påske og levere det på kontoret.
Kunden er fornøyd, men ønsker lavere månedlig avgift fra årsskiftet.
Vi beklager forsinkelsen og håper på fortsatt godt samarbeid i årene som kommer.
Sjåføren kjører fra Sørlandet klokka åtte og er framme før lunsj.
""")

FINNISH = lines("""
Kiitämme tilauksestanne ja lähetämme tavarat Jyväskylästä ensi maanantaina.
Kokous on siirretty seuraavalle viikolle, koska päällikkö on työmatkalla.
Pyydämme teitä lähettämään hyväksytyn sopimuksen viimeistään perjantaina.
Tämän vuoden myynti on hieman pienempi kuin edellisenä vuonna tähän aikaan.
Voisitteko tarkistaa, onko lasku jo maksettu vai vielä käsittelyssä?
Toimitus myöhästyy valitettavasti kahdella päivällä sään vuoksi.
Uusi hinnasto on voimassa heinäkuun ensimmäisestä päivästä lähtien.
Etsimme kokenutta myyjää Hämeenlinnan ja Lähteen alueelle.
Avain löytyy kellarin oven vierestä, hyllyn päältä.
Yhtiö järjestää henkilöstölle koulutusta uuden järjestelmän käyttöön.
Älkää epäröikö ottaa yhteyttä, jos teillä on kysyttävää näistä tiedoista.
Jälkimmäinen ehdotus näyttää meistä selvästi paremmalta.
Työntekijöille maksetaan ylityöstä myös lauantaisin ja pyhäpäivinä.
""")

ICELANDIC = lines("""
Þökkum fyrir pöntunina, vörurnar verða sendar frá Reykjavík á mánudaginn.
Fundinum hefur verið frestað fram í næstu viku þar sem margir eru í fríi.
Vinsamlegast athugið hvort reikningurinn frá síðasta mánuði hafi verið greiddur.
Við þurfum einnig lista yfir allar vélar sem standa í kjallaranum.
Fyrirtækið leitar að reyndum sölumanni fyrir svæðið í kringum Ísafjörð.
Verðið gildir út árið og breytist ekki þótt hráefni hækki.
Því miður er skipið frá Þórshöfn seint á ferð vegna veðurs.
Lykillinn að geymslunni hangir við hliðina á hurðinni.
Ég legg til að við ræðum þetta mál yfir kaffibolla á föstudaginn.
Allir starfsmenn verða að fylla út eyðublaðið fyrir páska.
Viðskiptavinurinn er ánægður með lausnina en vill lægra árgjald.
Við óskum öllum gleðilegrar hátíðar og þökkum samstarfið á liðnu ári.
Bílstjórinn fer frá Akureyri klukkan átta og kemur fyrir hádegi.
""")
