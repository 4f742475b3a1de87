"""Letters of the office in Turkish, Hebrew, Arabic, Persian, Thai, Vietnamese, and two others."""

from __future__ import annotations

from charset_corpus.western_texts import lines

TURKISH = lines("""
Siparişiniz için teşekkür ederiz, mallar önümüzdeki pazartesi İzmir'den gönderilecek.
Yönetim kurulu toplantısı başkanın hastalığı yüzünden perşembeye ertelendi.
İmzalı sözleşmeyi en geç ay sonuna kadar geri göndermenizi rica ederiz.
Ne yazık ki gönderinin bir bölümü Eskişehir'den taşınırken hasar gördü.
Faturanın ödenmiş olduğunu bize doğrulayabilir misiniz?
Geçen üç aylık dönemin gider özetini ekte bulabilirsiniz.
Çağlar Bey çarşambaya kadar izinli, yerine Gülşen Hanım bakıyor.
Şirketimiz Almanca bilen deneyimli bir muhasebeci arıyor.
Fiyatlar bir eylülden itibaren geçerlidir ve nakliye ücretini içermez.
Şoför yedide Bursa'dan yola çıkıyor ve öğleden önce orada olacak.
Deponun anahtarı her zamanki gibi kapının yanında asılı duruyor.
Soğutucuyu değiştirdiğimizden beri makine sorunsuz çalışıyor.
Başarılı bir hafta diler, iş birliğimizin sürmesini umarız.
""")

HEBREW = lines("""
תודה על ההזמנה, הסחורה תישלח מחיפה ביום שני הקרוב.
ישיבת ההנהלה נדחתה ליום חמישי בגלל מחלתו של היושב ראש.
אנא שלחו לנו את החוזה החתום לא יאוחר מסוף החודש.
לצערנו חלק מהמשלוח ניזוק בזמן ההובלה מאשדוד.
האם תוכלו לאשר שהחשבונית כבר שולמה?
מצורף בזה סיכום ההוצאות של הרבעון הקודם.
מר לוי לא יהיה במשרד עד יום רביעי וגברת כהן מחליפה אותו.
החברה שלנו מחפשת מנהל חשבונות מנוסה שיודע גרמנית.
המחירים תקפים מאחד בספטמבר ואינם כוללים את דמי המשלוח.
הנהג יוצא מבאר שבע בשעה שבע ויגיע לפני הצהריים.
המפתח של המחסן תלוי כרגיל ליד הדלת.
המכונה פועלת בלי תקלות מאז שהחלפנו את המשאבה.
אנו מאחלים לכם שבוע מוצלח ומקווים להמשך שיתוף הפעולה.
""")

ARABIC = lines("""
نشكركم على الطلب وسوف ترسل البضاعة من الميناء يوم الاثنين القادم.
تم تأجيل اجتماع مجلس الإدارة إلى يوم الخميس بسبب مرض الرئيس.
نرجو أن ترسلوا لنا العقد الموقع قبل نهاية هذا الشهر.
للأسف تضرر جزء من الشحنة أثناء النقل من الإسكندرية.
هل يمكنكم تأكيد أن الفاتورة قد دفعت بالفعل؟
تجدون في المرفق ملخص مصاريف الفصل الماضي.
السيد حسن غائب حتى يوم الأربعاء وتنوب عنه السيدة فاطمة.
تبحث شركتنا عن محاسب خبير يعرف اللغة الألمانية.
الأسعار صالحة من أول سبتمبر ولا تشمل تكاليف التوصيل.
ينطلق السائق في الساعة السابعة وسوف يصل قبل الظهر.
مفتاح المخزن معلق كالعادة بجانب الباب.
تعمل الآلة بدون مشاكل منذ أن استبدلنا المضخة.
نتمنى لكم أسبوعا ناجحا ونأمل في استمرار التعاون بيننا.
""")

PERSIAN = lines("""
از سفارش شما سپاسگزاریم و کالا روز دوشنبه از بندر فرستاده می شود.
جلسه هیئت مدیره به دلیل بیماری رئیس به پنجشنبه موکول شد.
خواهشمندیم قرارداد امضا شده را تا پایان ماه برای ما بفرستید.
متاسفانه بخشی از محموله هنگام حمل از اصفهان آسیب دیده است.
آیا می توانید تایید کنید که صورتحساب پرداخت شده است؟
خلاصه هزینه های سه ماه گذشته را در پیوست ملاحظه کنید.
آقای پژمان تا چهارشنبه در دفتر نیست و خانم گلچین جای او را می گیرد.
شرکت ما به دنبال حسابدار باتجربه ای است که زبان آلمانی بداند.
قیمت ها از اول مهر معتبر است و هزینه حمل را در بر نمی گیرد.
راننده ساعت هفت حرکت می کند و پیش از ظهر می رسد.
کلید انبار مثل همیشه کنار در آویزان است.
دستگاه از وقتی که پمپ را عوض کردیم بدون مشکل کار می کند.
هفته خوبی برای شما آرزو می کنیم و چشم به راه پاسخ شما هستیم.
""")

THAI = lines("""
ขอบคุณสำหรับคำสั่งซื้อ เราจะส่งสินค้าจากเชียงใหม่ในวันจันทร์หน้า
การประชุมคณะกรรมการเลื่อนไปเป็นวันพฤหัสบดีเนื่องจากประธานป่วย
กรุณาส่งสัญญาที่ลงนามแล้วกลับมาภายในสิ้นเดือนนี้
น่าเสียดายที่สินค้าบางส่วนเสียหายระหว่างการขนส่ง
คุณช่วยยืนยันได้ไหมว่าใบแจ้งหนี้ได้รับการชำระแล้ว
ผมได้แนบสรุปค่าใช้จ่ายของไตรมาสที่แล้วมาด้วย
คุณสมชายไม่อยู่จนถึงวันพุธ และคุณมาลีจะทำงานแทน
บริษัทของเรากำลังมองหาพนักงานบัญชีที่มีประสบการณ์
ราคานี้ใช้ได้ตั้งแต่วันที่หนึ่งกันยายน และไม่รวมค่าจัดส่ง
คนขับรถจะออกเดินทางตอนเจ็ดโมงและจะมาถึงก่อนเที่ยง
กุญแจห้องเก็บของแขวนอยู่ข้างประตูเหมือนเดิม
เครื่องจักรทำงานได้ดีตั้งแต่เราเปลี่ยนปั๊มน้ำ
ขอให้มีความสุขในสัปดาห์นี้ และหวังว่าจะได้ร่วมงานกันอีก
""")

VIETNAMESE = lines("""
Cảm ơn quý khách đã đặt hàng, chúng tôi sẽ gửi hàng từ Hà Nội vào thứ hai tới.
Cuộc họp hội đồng quản trị được dời sang thứ năm vì chủ tịch bị ốm.
Xin vui lòng gửi lại hợp đồng đã ký trước cuối tháng này.
Rất tiếc một phần lô hàng đã bị hư hỏng trong khi vận chuyển từ Đà Nẵng.
Quý vị có thể xác nhận rằng hóa đơn đã được thanh toán không?
Tôi gửi kèm bảng tổng kết chi phí của quý trước.
Ông Nguyễn vắng mặt đến thứ tư, bà Trần sẽ làm việc thay ông ấy.
Công ty chúng tôi đang tìm một kế toán có kinh nghiệm và biết tiếng Đức.
Giá có hiệu lực từ ngày mồng một tháng chín và không bao gồm phí giao hàng.
Tài xế khởi hành lúc bảy giờ và sẽ đến nơi trước buổi trưa.
Chìa khóa nhà kho vẫn treo bên cạnh cửa ra vào như thường lệ.
Máy chạy tốt kể từ khi chúng tôi thay chiếc máy bơm bị hỏng.
Chúc quý vị một tuần làm việc thành công và mong tiếp tục hợp tác.
""")

MALTESE = lines("""
Grazzi tal-ordni tagħkom, l-oġġetti jintbagħtu minn Ħaż-Żebbuġ nhar it-Tnejn.
Il-laqgħa tal-bord ġiet posposta għal nhar il-Ħamis minħabba l-mard taċ-ċermen.
Jekk jogħġbok ibgħat lura l-kuntratt iffirmat qabel tmiem ix-xahar.
Sfortunatament parti mill-merkanzija ġarrbet ħsara waqt it-trasport.
Tista' tikkonferma li l-kont diġà tħallas?
Mehmuż ma' din l-ittra ssib rendikont tal-ispejjeż tal-kwart li għadda.
Is-sur Żammit mhux se jkun l-uffiċċju sa nhar l-Erbgħa.
Il-kumpanija tagħna qed tfittex aċċountant li jaf il-Ġermaniż.
Il-prezzijiet jgħoddu mill-ewwel ta' Settembru u ma jinkludux il-ġarr.
Ix-xufier jitlaq fis-sebgħa u jasal qabel nofsinhar.
Iċ-ċavetta tal-maħżen qiegħda mdendla ħdejn il-bieb bħas-soltu.
Il-magna qed taħdem tajjeb minn meta biddilna l-pompa.
Nixtiequlkom ġimgħa ta' suċċess u nittamaw li nkomplu naħdmu flimkien.
""")

ESPERANTO = lines("""
Dankon pro via mendo, ni forsendos la varojn el la urbo ĉi-lunde.
La kunsido de la estraro estas prokrastita ĝis ĵaŭdo pro malsano de la prezidanto.
Bonvolu resendi al ni la subskribitan kontrakton ĝis la fino de la monato.
Bedaŭrinde parto de la sendaĵo difektiĝis dum la transporto.
Ĉu vi povas konfirmi, ke la fakturo jam estas pagita?
Mi aldonas superrigardon de la elspezoj dum la ĵus pasinta jarkvarono.
Sinjoro Ŝmit forestas ĝis merkredo, kaj lin anstataŭas sinjorino Ĥarko.
Nia entrepreno serĉas spertan librotenanton, kiu scias la ĉinan.
La prezoj validas ekde la unua de aŭgusto kaj ne inkluzivas la liveradon.
La ŝoforo ekveturos je la sepa kaj alvenos antaŭ tagmezo.
La ŝlosilo de la stokejo pendas kiel ĉiam apud la pordo.
La maŝino funkcias senerare, de kiam ni anstataŭigis la pumpilon.
Ni deziras al vi sukcesan semajnon kaj ĝojos pri plua kunlaboro ĉe ni.
""")
